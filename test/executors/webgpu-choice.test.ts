// WebGPU choice: which device `auto` and `webgpu:NAME` choose, and the errors when a device is missing or lost.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { VitrineError } from "../../runtime/errors.js";
import { createWebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { chosenLines, kernelText } from "../../runtime/executors/webgpu/kernels.js";
import { listAdapters } from "../../runtime/host/adapters.js";
import type { Host } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { mayHaveGpu } from "../../runtime/host/node-gpu.js";
import { createTraining } from "../../runtime/training/program.js";
import { messageOf } from "./message-of.js";
import { MICRO, trainingInputs, trainingOptions } from "./micro-deit.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

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

test("on Linux, GPUs are searched for only if a device node that a driver needs exists", () => {
  const shows = (folders: Record<string, string[]>) => mayHaveGpu((folder) => folders[folder] ?? []);
  const elsewhere = process.platform !== "linux";
  assert.is(shows({ "/dev": ["null", "dri", "nvidiactl"], "/dev/dri": ["by-path", "card0"] }), elsewhere);
  assert.is(shows({ "/dev/dri": ["renderD128"] }), true);
  assert.is(shows({ "/dev": ["nvidia0"] }), true);
});

test("an operand with the same memory as another is accessed under that one's name, and no other operand is", () => {
  const aliases = new Map([["b", "y"]]);
  const halves = new Set<string>();
  const text = kernelText({ kernel: "scaled-sum", constants: {}, aliases, halves });
  assert.match(text, /y\[i\] = p\.alpha \* a\[i\] \+ p\.beta \* y\[i\];/);
  assert.not.match(text, /read_write> b:/);
});

test("a kernel's text declares the constants that it uses, and no others", () => {
  const constants = { UNUSED: 5, HEAD_WIDTH: 12, FOURS: 1, KEYS: 3 };
  const [aliases, halves] = [new Map<string, string>(), new Set<string>()];
  const text = kernelText({ kernel: "attention", constants, aliases, halves });
  assert.match(text, /^const HEAD_WIDTH = 12u;$/m);
  assert.not.match(text, /UNUSED/);
});

test("conditional lines of a kernel remain only where their constant is not 0", () => {
  const text = [
    "a",
    "// #if X",
    "b",
    "// #if Y",
    "c",
    "// #else",
    "d",
    "// #endif",
    "// #else",
    "e",
    "// #endif",
  ].join("\n");
  assert.is(chosenLines(text, { X: 1, Y: 0 }), "a\nb\nd");
  assert.is(chosenLines(text, { X: 1, Y: 2 }), "a\nb\nc");
  assert.is(chosenLines(text, {}), "a\ne");
  assert.throws(() => chosenLines("// #endif", {}), /#endif without #if/);
  assert.throws(() => chosenLines("// #if X", { X: 1 }), /without #endif/);
});

const { host, opened } = observedHost();
const found = await webgpuOrSkip(host);
if (found) {
  const adapters = await listAdapters(host);
  const described = async (chosen: Host, trains?: boolean): Promise<string> => {
    const runtime = await createRuntime({ host: chosen, device: "auto", trains });
    await runtime.dispose();
    return runtime.description;
  };

  test("every adapter in the list can be selected by its index and by its name", async () => {
    assert.ok(adapters.length > 0);
    for (const { index, name, driver, maxBufferSize, features } of adapters) {
      assert.ok(maxBufferSize >= 2 ** 28 && features.includes("core-features-and-limits"), name);
      for (const adapter of [String(index), name.toUpperCase()]) {
        const executor = await createWebgpuExecutor(nodeHost(), { adapter });
        assert.ok(executor.description.includes(driver), executor.description);
        await executor.dispose();
      }
    }
  });

  test("auto never takes a software adapter, and names it", async () => {
    const software = adapters.filter((adapter) => adapter.software);
    const listed = { ...host, mayHaveGpu: () => true, gpuAdapters: async () => software };
    const before = opened.length;
    const description = await described(listed);
    assert.match(description, /^wasm: .*\(auto: no GPU but 0: .*, software\) was found\)$/);
    assert.is(opened.length, before, "no device was opened");
    assert.match(await described({ ...host, mayHaveGpu: () => false }), /^wasm: .*no GPU was found\)$/);
  });

  test("auto takes a GPU whose kernels agree with wasm, backward too", async () => {
    const description = await described(observedHost({ hardware: true }).host, true);
    assert.match(description, /^webgpu: A GPU, .*\(auto: a GPU, which passed its self-check\)$/);
  });

  test("auto takes wasm if one kernel of a GPU is wrong, and says which result was", async () => {
    const wrong = (_: string, text: string) => text.replace("p.epsilon", "(p.epsilon + 0.1)");
    const forward = observedHost({ hardware: true, kernel: wrong });
    assert.match(await described(forward.host), /^wasm: .*\(auto: self-check: logits, value \d+: got .*\)$/);
    const idle = (name: string, text: string) =>
      name.endsWith("-weight-gradient") ? text.replace(/(fn main\([^{]*\{)/, "$1\n  return;") : text;
    const backward = observedHost({ hardware: true, kernel: idle });
    assert.match(await described(backward.host), /^webgpu/, "which inference does not use");
    assert.match(await described(backward.host, true), /^wasm: .*\(auto: self-check: gradient of /);
    for (const { opened } of [forward, backward])
      for (const device of opened) assert.is((await device.lost).reason, "destroyed");
  });

  test("a GPU whose driver fails during the self-check is not used", async () => {
    const refused = observedHost({ hardware: true, kernel: () => "no WGSL" });
    assert.match(await described(refused.host), /^wasm: .*\(auto: kernel .* was rejected: /);
  });

  test("an adapter that does not exist is refused with the list of adapters", async () => {
    const message = await messageOf(() => createWebgpuExecutor(nodeHost(), { adapter: "no such adapter" }));
    assert.match(
      message,
      /^device\/unavailable: .*no adapter "no such adapter"; available: 0: \S+.*webgpu:NAME or webgpu:INDEX/,
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

  test("a buffer beyond the device's limit is refused with both numbers before it is created", async () => {
    const executor = await createWebgpuExecutor(nodeHost());
    const { limitBytes } = executor.capabilities;
    const message = await messageOf(async () => executor.createStore(new Map([["x", limitBytes]])));
    assert.match(message, /^device\/memory: a store of 1 tensors: \S+ MiB, .* holds \S+ MiB.*--batch-size/);
    await executor.dispose();
  });

  test.after(() => found.dispose());
}

test.run();
