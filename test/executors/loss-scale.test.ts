// Loss scale: which results of training scaling the loss changes, and which not, on every executor.

import { test } from "uvu";
import { createRuntime } from "../../runtime/create-runtime.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { lossScaleClaims } from "./loss-scale-claims.js";
import { runtimeOrSkip, webgpuOrSkip } from "./webgpu-device.js";

const executors: [device: string, executor: Executor | undefined, tolerance: number][] = [
  ["wasm", await createWasmExecutor(nodeHost(), { threads: 1 }), 0],
  ["wasm, 3 threads", await createWasmExecutor(nodeHost(), { threads: 3 }), 0],
  ["webgpu", await webgpuOrSkip(), 1e-6],
  ["tfjs:cpu", (await createRuntime({ host: nodeHost(), device: "tfjs:cpu" })).executor, 1e-5],
  ["tfjs:webgpu", (await runtimeOrSkip("tfjs:webgpu"))?.executor, 1e-5],
];
for (const [device, executor, tolerance] of executors)
  if (executor) lossScaleClaims(device, executor, tolerance);

test.after(async () => {
  for (const [, executor] of executors) await executor?.dispose();
});
test.run();
