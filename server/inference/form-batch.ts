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
  /** Images that run at once. */
  most: number;
  times: BatchTimes;
  /** Milliseconds since 1970. */
  now: number;
}

/** `queue`: requests of one kind. */
export function formBatch(queue: readonly WaitingRequest[], { most, times, now }: FormOptions): FormedBatch {
  const images: Chosen[] = [];
  const late = new Set<WaitingRequest>();
  /** When the first of the requests in the batch must be answered. */
  let limit = Number.POSITIVE_INFINITY;
  const grownEnd = () => now + 1000 * times.ofBatch(images.length + 1);
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
      images.push(...trial.take(1).map((image) => ({ ...image, request: trial })));
    }
  }
  const end = now + 1000 * times.ofBatch(images.length);
  const isIn = new Set(images.map(({ request }) => request));
  for (const request of queue)
    if (!isIn.has(request) && end + 1000 * times.ofImages(request.waiting) > request.deadline)
      late.add(request);
  return { images, late: [...late] };
}
