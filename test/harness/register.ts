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
