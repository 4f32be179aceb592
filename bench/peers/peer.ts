// Peer: the child's side of a comparison. It runs only when asked to, so that no two peers ever run at once.
//
// Lines of JSON: the child sends {"ready": check} once ({"ready": check, "spans": [ms of each call]} where the calls of its
// startup are the measurement), then answers every line {"ms": budget} with {"spans": [ms of each call]}. deit_torch.py is
// PyTorch's side of the same protocol; it adds {"backend": name} to its first line.

import { createInterface } from "node:readline";

/** Engines recompile hot functions while they run; the first calls of onnxruntime-web take four times as long. */
const WARM_UP_MS = 1500;
/** Fewer calls in a round are too few for the clock and the caches. */
const MIN_CALLS = 2;

/** What the parent compares: logits of the first batch, or losses of the first steps. */
export type Check = readonly number[];

/**
 * Warms up, then runs calls on demand until stdin ends. The first call of each round warms up and is not counted. Where
 * calls are too slow for rounds, `measured` has the ms of those that were already timed, and no more are run.
 */
export async function serveRounds(
  check: Check,
  call: () => Promise<unknown>,
  measured: readonly number[] = [],
): Promise<void> {
  if (measured.length > 0) {
    send({ ready: check, spans: measured });
    return;
  }
  const warm = performance.now() + WARM_UP_MS;
  do await call();
  while (performance.now() < warm);
  send({ ready: check });
  for await (const line of createInterface({ input: process.stdin })) {
    const { ms } = JSON.parse(line) as { ms: number };
    await call();
    const spans: number[] = [];
    const end = performance.now() + ms;
    while (spans.length < MIN_CALLS || performance.now() < end) {
      const start = performance.now();
      await call();
      spans.push(performance.now() - start);
    }
    send({ spans });
  }
  process.exit(0);
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
