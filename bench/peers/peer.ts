// Contestant: what stands in a child process and runs when it is told to, so that no two ever run at once.
//
// Lines of JSON. It says {"ready": check} once ({"ready": check, "spans": ms of its calls} where that is its measurement), then answers every line {"ms": budget} with {"spans": [ms of each call]}.
// PyTorch's side of the same protocol is deit_torch.py.

import { createInterface } from "node:readline";

/** Engines compile a module's hot functions again while it runs; the first calls of onnxruntime-web take four times as long. */
const WARM_MS = 1500;
/** Fewer calls in a round are too few for the clock and the caches. */
const LEAST_CALLS = 2;

/** What the parent compares: logits of the first batch, or losses of the first steps. */
export type Check = readonly number[];

/**
 * Warms up, then runs calls on demand until stdin ends. The first call of a round warms up and is not counted. Where calls were
 * timed already because they are too slow for rounds, `measured` has their ms, and nothing runs any more.
 */
export async function serveRounds(
  check: Check,
  call: () => Promise<unknown>,
  measured: readonly number[] = [],
): Promise<void> {
  if (measured.length > 0) {
    say({ ready: check, spans: measured });
    return;
  }
  const warm = performance.now() + WARM_MS;
  do await call();
  while (performance.now() < warm);
  say({ ready: check });
  for await (const line of createInterface({ input: process.stdin })) {
    const { ms } = JSON.parse(line) as { ms: number };
    await call();
    const spans: number[] = [];
    const end = performance.now() + ms;
    while (spans.length < LEAST_CALLS || performance.now() < end) {
      const start = performance.now();
      await call();
      spans.push(performance.now() - start);
    }
    say({ spans });
  }
  process.exit(0);
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
