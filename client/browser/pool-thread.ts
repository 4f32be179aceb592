// Pool thread: one of the threads that the wasm executor of the page's worker computes with.

import { start } from "../../runtime/executors/wasm/pool-thread.js";

/** As much of DedicatedWorkerGlobalScope as is used; the DOM's types describe a page only. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: unknown): void;
}
const scope = globalThis as unknown as WorkerScope;

start({
  post: (message) => scope.postMessage(message),
  onMessage: (listener) => {
    scope.onmessage = ({ data }) => listener(data);
  },
});
