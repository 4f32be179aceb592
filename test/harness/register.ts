// Register: preloaded by test/run.ts (`node --import`), so that the test files' `uvu` is the wrapper in ./uvu.ts.

import * as nodeModule from "node:module";
import { isMainThread } from "node:worker_threads";
import { resolve } from "./resolve.js";

/** Since Node 22.15; the older `register` works on a thread of its own and later versions warn of it. */
const { registerHooks } = nodeModule as { registerHooks?: (hooks: { resolve: typeof resolve }) => void };

if (isMainThread) {
  if (registerHooks) registerHooks({ resolve });
  else nodeModule.register(new URL("./resolve.js", import.meta.url));
}

/**
 * The `webgpu` package polls by setImmediate for as long as anything is pending, so that a test waits for the software
 * GPU's compiler on a whole core of the two. Its callbacks are native and anonymous; they wait a millisecond each here.
 */
function pollMoreSlowly(): void {
  const immediate = globalThis.setImmediate;
  const isPoll = (callback: { name: string }) =>
    callback.name === "" && /\[native code\]/.test(Function.prototype.toString.call(callback));
  const slower = (callback: (...given: unknown[]) => void, ...given: unknown[]) =>
    isPoll(callback) ? setTimeout(callback, 1) : immediate(callback, ...given);
  globalThis.setImmediate = Object.assign(slower, immediate) as unknown as typeof setImmediate;
}

pollMoreSlowly();
