// WebGPU choice: what `auto` and `webgpu:NAME` take, and what is said when a device is missing or lost.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { createWebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { kernelText } from "../../runtime/executors/webgpu/kernels.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createTraining } from "../../runtime/training-program.js";
import { MICRO, trainingInputs, trainingOptions } from "./micro-deit.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

async function messageOf(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
}

const refusing = {
  ...nodeHost(),
  gpu: async (): Promise<GPU> => {
    throw new VitrineError("device/unavailable", "no way to GPUs here");
  },
};

test("without WebGPU, webgpu is refused with the reason", async () => {
  const message = await messageOf(() => createRuntime({ host: refusing, device: "webgpu" }));
  assert.is(message, "device/unavailable: no way to GPUs here");
});

test("an operand that lies where another does is written under that one's name, and under no other", () => {
  const aliases = new Map([["b", "y"]]);
  const text = kernelText({ kernel: "scaled-sum", constants: { SIDE: 3 }, aliases });
  assert.match(text, /^const SIDE = 3u;\n/);
  assert.match(text, /y\[i\] = p\.alpha \* a\[i\] \+ p\.beta \* y\[i\];/);
  assert.not.match(text, /read_write> b:/);
});

const { host, opened } = observedHost();
const found = await webgpuOrSkip(host);
if (found) {
  test("auto takes wasm, and says that WebGPU is there to be asked for", async () => {
    const before = opened.length;
    const runtime = await createRuntime({ host, device: "auto" });
    assert.is(runtime.executor.device, "wasm");
    assert.match(runtime.description, /\(auto: .*--device webgpu\)$/);
    assert.is(opened.length, before, "no device was opened");
    await runtime.dispose();
  });

  test("an adapter that is not there is refused with those that are", async () => {
    const message = await messageOf(() => createWebgpuExecutor(nodeHost(), { adapter: "no such adapter" }));
    assert.match(
      message,
      /^device\/unavailable: .*no adapter "no such adapter"; there are: \S+.*webgpu:NAME/,
    );
  });

  test("a device that is lost is a typed error for every later step", async () => {
    const executor = await createWebgpuExecutor(host);
    const training = await createTraining(executor, trainingOptions());
    await training.accumulate(trainingInputs(MICRO, 4));
    const step = training.accumulate(trainingInputs(MICRO, 4));
    opened.at(-1)?.destroy();
    const messages = [await messageOf(() => step), await messageOf(() => training.read("weights"))];
    assert.match(messages[1] as string, /^device\/lost: the WebGPU device on .* was lost.*--device wasm/);
    assert.ok(/^device\/lost/.test(messages[0] as string) || messages[0] === "no error", messages[0]);
    await executor.dispose();
    assert.match(await messageOf(() => training.read("weights")), /^device\/disposed/);
  });

  test("a buffer beyond the device's limit is refused with the numbers before it is made", async () => {
    const executor = await createWebgpuExecutor(nodeHost());
    const { limitBytes } = executor.capabilities;
    const message = await messageOf(async () => executor.createStore(new Map([["x", limitBytes]])));
    assert.match(message, /^device\/memory: a store of 1 tensors: \S+ MiB, .* holds \S+ MiB.*--batch-size/);
    await executor.dispose();
  });

  test.after(() => found.dispose());
}

test.run();
