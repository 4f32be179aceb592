// tfjs:webgpu: graphs, losses, gradients and optimiser steps agree with the wasm executor's, and no tensor is left behind.

import { test } from "uvu";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { convolutionClaims } from "./convolution-claims.js";
import { claimsAgainstWasm } from "./executor-claims.js";
import { memoryClaims } from "./tfjs-claims.js";
import { runtimeOrSkip } from "./webgpu-device.js";

const runtime = await runtimeOrSkip("tfjs:webgpu");
if (runtime) {
  const { executor } = runtime;
  claimsAgainstWasm(executor, await createWasmExecutor(nodeHost()), { values: 3e-6, state: 1e-4 });
  convolutionClaims(executor);
  memoryClaims(executor);
  test.after(() => executor.dispose());
  test.run();
}
