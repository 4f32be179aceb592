// Threads reason: why a page has one thread of wasm, and what would give it more.

const HEADERS =
  "the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp on the page's " +
  "own answer change that";

/** Undefined where there are several threads, or one was asked for. */
export function threadsReason(threads: number, wanted: number | "auto"): string | undefined {
  if (threads > 1 || wanted === 1) return undefined;
  if (!globalThis.isSecureContext)
    return `one thread: the page was not loaded over https or from localhost, without which it cannot share memory; then ${HEADERS}`;
  if (!globalThis.crossOriginIsolated)
    return `one thread: the page is not cross-origin isolated, without which it cannot share memory; ${HEADERS}`;
  if ((globalThis.navigator?.hardwareConcurrency ?? 1) === 1) return "one thread: this machine has one core";
  return "one thread: this browser could not reserve the memory that threads share";
}
