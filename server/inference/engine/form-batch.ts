// Form batch: which images run next, so that what runs ends in time. Images are taken in the order of the queue. A batch
// grows only while the requests in it still meet their deadlines, and a request that cannot is dropped before it costs
// anything.

import type { BatchTimes } from "./batch-times.js";
import type { ReadyImage, WaitingRequest } from "./waiting-request.js";

export interface Chosen extends ReadyImage {
  request: WaitingRequest;
}

export interface FormedBatch {
  /** Taken from their requests; row i of the batch is the i-th. */
  images: Chosen[];
  /** Requests that will not end in time. */
  late: WaitingRequest[];
}

export interface FormOptions {
  /**
   * More requests come than can be answered. The batch then is the one that answers the most images a second, and drops
   * requests that would keep it small; else it stays small for those that have waited longest.
   */
  isOverloaded: boolean;
  /** Images that run at once. */
  most: number;
  times: BatchTimes;
  /** Milliseconds since 1970. */
  now: number;
}

/** Size of the batch that answers the most images a second in time. */
function fastestSize(queue: readonly WaitingRequest[], { most, times, now }: FormOptions): number {
  let [best, bestRate] = [1, 0];
  for (let size = 1; size < 2 * most; size *= 2) {
    const rows = Math.min(size, most);
    const seconds = times.ofBatch(rows);
    let inTime = 0;
    for (const { ready, waiting, deadline } of queue)
      if (now + 1000 * Math.max(seconds, times.ofImages(waiting)) <= deadline) inTime += ready.length;
    const rate = Math.min(rows, inTime) / seconds;
    if (inTime > 0 && rate >= bestRate) [best, bestRate] = [rows, rate];
  }
  return best;
}

/** `queue`: requests of one kind. */
export function formBatch(queue: readonly WaitingRequest[], options: FormOptions): FormedBatch {
  const { most, times, now } = options;
  const images: Chosen[] = [];
  const late = new Set<WaitingRequest>();
  const least = options.isOverloaded ? fastestSize(queue, options) : 1;
  /** When the first of the requests in the batch must be answered. */
  let limit = Number.POSITIVE_INFINITY;
  const grownEnd = () => now + 1000 * times.ofBatch(Math.max(least, images.length + 1));
  const mayGrow = () => images.length < most && grownEnd() <= limit;
  for (const request of queue) {
    const { deadline } = request;
    while (request.ready.length > 0 && mayGrow()) {
      const end = Math.max(grownEnd(), now + 1000 * times.ofImages(request.waiting));
      if (end > deadline) {
        late.add(request);
        break;
      }
      images.push(...request.take(1).map((image) => ({ ...image, request })));
      limit = Math.min(limit, deadline);
    }
  }
  if (images.length === 0) {
    // The expectation may be wrong, and only a batch corrects it: one request is tried while its deadline is to come.
    const trial = queue.find(({ ready, deadline }) => ready.length > 0 && now <= deadline);
    if (trial) {
      late.delete(trial);
      images.push(...trial.take(most).map((image) => ({ ...image, request: trial })));
    }
  }
  const end = now + 1000 * times.ofBatch(images.length);
  const isIn = new Set(images.map(({ request }) => request));
  for (const request of queue)
    if (!isIn.has(request) && end + 1000 * times.ofImages(request.waiting) > request.deadline)
      late.add(request);
  return { images, late: [...late] };
}
