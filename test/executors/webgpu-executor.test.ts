// WebGPU executor: graphs, losses, gradients and optimiser steps agree with the wasm executor's.

import { test } from "uvu";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { claimsAgainstWasm } from "./executor-claims.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const found = await webgpuOrSkip();
if (found) {
  claimsAgainstWasm(found, await createWasmExecutor(nodeHost()), { values: 3e-6, state: 1e-4 });
  test.after(() => found.dispose());
  test.run();
}
