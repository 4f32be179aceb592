// WebGPU tier choice: which tiers an adapter has, which one is the default, and the errors when one is refused.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { createWebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { automaticTiers, offeredTiers, type TierSource } from "../../runtime/executors/webgpu/tier.js";
import { nodeHost } from "../../runtime/host/node.js";
import { messageOf } from "./message-of.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

const MATRIX = "chromium-experimental-subgroup-matrix";

function offer(features: string[], ...sizes: [string, string, number, number, number][]): TierSource {
  const subgroupMatrices = sizes.map(([componentType, resultComponentType, M, N, K]) => {
    return { componentType, resultComponentType, M, N, K };
  });
  return { features, subgroupMatrices, largestSubgroup: 32 };
}

const names = (source: TierSource): string[] => offeredTiers(source).map(({ name }) => name);

test("an adapter without features has float32; each feature adds its tier", () => {
  assert.equal(names(offer([])), ["float32"]);
  assert.equal(names(offer(["subgroups"])), ["float32", "subgroups"]);
  assert.equal(names(offer(["shader-f16"])), ["float32", "float16"]);
  assert.equal(names(offer(["shader-f16", "subgroups"])), ["float32", "subgroups", "float16"]);
  assert.is(offeredTiers(offer(["shader-f16"])).at(-1)?.subgroups, false);
});

test("matrices need both features, the experimental one, and a size that adds float16 up in float32", () => {
  const all = ["shader-f16", "subgroups", MATRIX];
  const small = ["f16", "f32", 8, 8, 8] as [string, string, number, number, number];
  assert.is(names(offer(all, small)).at(-1), "matrices");
  assert.is(names(offer(all)).at(-1), "float16");
  assert.is(names(offer(all, ["f16", "f16", 16, 16, 16], ["u8", "u32", 16, 16, 32])).at(-1), "float16");
  assert.is(names(offer(["shader-f16", MATRIX], small)).at(-1), "float16");
  const largest = offeredTiers(offer(all, small, ["f16", "f32", 16, 8, 16])).at(-1);
  assert.equal(largest?.matrix, { rows: 16, columns: 8, depth: 16, largestSubgroup: 32 });
  const unsupported = ["f16", "f32", 64, 16, 16] as [string, string, number, number, number];
  assert.is(names(offer(all, unsupported)).at(-1), "float16");
  assert.is(offeredTiers(offer(all, unsupported, small)).at(-1)?.matrix?.rows, 8);
});

test("by default a GPU tries its tiers from the highest down, but never matrices; a software driver has float32", () => {
  const all = offer(["shader-f16", "subgroups", MATRIX], ["f16", "f32", 16, 16, 16]);
  assert.equal(automaticTiers(all, false), ["float16", "subgroups", "float32"]);
  assert.equal(automaticTiers(all, true), ["float32"]);
});

test("a tier that does not exist is refused on every device, and so is any tier on a device without tiers", async () => {
  const open = (device: string, gpuTier: string) => createRuntime({ host: nodeHost(), device, gpuTier });
  for (const device of ["auto", "wasm", "webgpu"])
    assert.is(
      await messageOf(() => open(device, "float8")),
      'device/tier: no GPU tier "float8"; allowed: auto, float32, subgroups, float16, matrices (--gpu-tier)',
    );
  assert.is(
    await messageOf(() => open("wasm", "float16")),
    "device/tier: device wasm has no tiers; --gpu-tier is for webgpu",
  );
});

const found = await webgpuOrSkip();
if (found) {
  test("the default of a software driver is float32, and the executor says its tier", async () => {
    const runtime = await createRuntime({ host: nodeHost(), device: "webgpu" });
    assert.is(runtime.executor.tier, "float32");
    assert.match(runtime.description, /\(software\), float32$/);
    await runtime.dispose();
  });

  test("a tier that the adapter does not offer is refused with the tiers that it offers", async () => {
    const message = await messageOf(() => createWebgpuExecutor(nodeHost(), { tier: "matrices" }));
    assert.match(
      message,
      /^device\/tier: device webgpu: .* does not offer tier matrices, only float32.* \(--gpu-tier\)$/,
    );
  });

  test("a GPU with wrong float16 is used without it, named or found, and the reason is reported", async () => {
    const kernel = (_: string, text: string) =>
      text.includes("enable f16;") ? text.replaceAll("p.epsilon", "(p.epsilon + 0.1)") : text;
    for (const device of ["auto", "webgpu"]) {
      const { host } = observedHost({ hardware: true, kernel });
      const runtime = await createRuntime({ host, device });
      assert.is(runtime.executor.tier, "subgroups");
      assert.match(runtime.description, /subgroups \(.*not float16: self-check: logits, value \d+: got /);
      await runtime.dispose();
    }
  });

  test("a GPU that hides float16 overflows does not train in float16", async () => {
    const conversion = /= (\w+Vector)\((.+)\);$/gm;
    const kernel = (_: string, text: string) =>
      text.includes("enable f16;")
        ? text.replace(conversion, "= $1(clamp(vec4f($2), vec4f(-65504.0), vec4f(65504.0)));")
        : text;
    const { host } = observedHost({ hardware: true, kernel });
    const trains = await createRuntime({ host, device: "auto", trains: true });
    assert.is(trains.executor.tier, "subgroups");
    assert.match(
      trains.description,
      /not float16: self-check: gradients beyond float16's range were not detected/,
    );
    await trains.dispose();
    const infers = await createRuntime({ host, device: "auto" });
    assert.is(infers.executor.tier, "float16");
    await infers.dispose();
  });

  test("a tier that is requested by name is not checked", async () => {
    const { host } = observedHost({ hardware: true });
    const runtime = await createRuntime({ host, device: "webgpu", gpuTier: "subgroups" });
    assert.match(runtime.description, /^webgpu: A GPU, subgroups$/);
    await runtime.dispose();
  });

  test.after(() => found.dispose());
}

test.run();
