// tfjs:webgpu: graphs, losses, gradients and optimizer steps agree with the wasm executor's, and no tensor leaks.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createTraining } from "../../runtime/training/program.js";
import { convolutionClaims } from "./convolution-claims.js";
import { claimsAgainstWasm } from "./executor-claims.js";
import { MICRO, trainingInputs, trainingOptions } from "./micro-deit.js";
import { geluClaims, memoryClaims } from "./tfjs-claims.js";
import { observedHost, runtimeOrSkip } from "./webgpu-device.js";

const runtime = await runtimeOrSkip("tfjs:webgpu");
if (runtime) {
  const { executor } = runtime;
  claimsAgainstWasm(executor, await createWasmExecutor(nodeHost()), { values: 3e-6, state: 1e-4 });
  convolutionClaims(executor);
  geluClaims(executor);
  memoryClaims(executor);

  test("a lost device is a typed error, and another runtime continues", async () => {
    const { host, opened } = observedHost();
    const lost = await createRuntime({ host, device: "tfjs:webgpu" });
    const training = await createTraining(lost.executor, trainingOptions());
    await training.accumulate(trainingInputs(MICRO, 4));
    opened.at(-1)?.destroy();
    const message = await training.read("weights").then(
      () => "no error",
      (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
    );
    assert.match(message, /^device\/lost: the WebGPU device on .* was lost/);
    await lost.dispose();
    const next = await createTraining(executor, trainingOptions());
    assert.ok((await next.accumulate(trainingInputs(MICRO, 4))).loss > 0);
    next.dispose();
  });

  test.after(() => executor.dispose());
  test.run();
}
