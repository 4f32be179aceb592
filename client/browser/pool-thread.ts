// Pool thread: one of the compute threads of the wasm executor in the page's worker.

import { start } from "../../runtime/executors/wasm/pool-thread.js";

/** The part of DedicatedWorkerGlobalScope in use; the DOM's types describe only a page. */
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
