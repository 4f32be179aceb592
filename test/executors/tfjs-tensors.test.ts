// tfjs tensors: into and out of programs on one device, without a copy where that is promised and never through the
// host.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import type { DeviceArray } from "../../runtime/executors/device-store.js";
import type { Tensor } from "../../runtime/executors/tfjs/tfjs.js";
import { BufferUsage } from "../../runtime/executors/webgpu/device.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { scaledSum } from "../../runtime/graph/operations/sums.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { ModelSource } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import { loadModel } from "../../runtime/load-model.js";
import { normalizationTable } from "../../runtime/models/config.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import type { Runtime } from "../../runtime/runtime.js";
import {
  createTfjsRuntime,
  fromTensor,
  loadTensorModel,
  shareDevice,
  toTensor,
} from "../../runtime/tfjs/index.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import { SYNTHETIC, syntheticWeights } from "../models/synthetic-model.js";
import { assertClose } from "../nn/compare.js";
import { messageOf } from "./message-of.js";
import { randomPixels } from "./micro-deit.js";
import { tf } from "./tfjs-claims.js";
import { runtimeOrSkip } from "./webgpu-device.js";

const BATCH = 3;
const weights = syntheticWeights(SYNTHETIC);
const files = new Map([
  ["model.safetensors", writeSafetensors(storedFloats(weights))],
  ["config.json", new TextEncoder().encode(writeConfigJson(SYNTHETIC, ["ant", "bee", "cat", "dog"]))],
]);
const source: ModelSource = {
  name: "made",
  location: "memory/made",
  read: async (file) => files.get(file) ?? null,
};

const host = nodeHost();
const pixels = randomPixels(SYNTHETIC, BATCH, 4);
const reference = await createRuntime({ host, device: "wasm" });
const model = await loadModel(reference, source, { batchSizes: [BATCH] });
const { logits: wanted } = await model.logits(pixels, BATCH);

/** pixels [batch, size, size, 3] → normalized [batch, 3, size, size]. */
function normalized(): Float32Array {
  const table = normalizationTable(SYNTHETIC);
  const plane = SYNTHETIC.imageSize ** 2;
  return Float32Array.from({ length: pixels.length }, (_, i) => {
    const [image, channel, place] = [Math.floor(i / (3 * plane)), Math.floor(i / plane) % 3, i % plane];
    return table[channel * 256 + (pixels[(image * plane + place) * 3 + channel] as number)] as number;
  });
}

async function valuesOf(tensor: Tensor): Promise<Float32Array> {
  const values = Float32Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

/** Number of readback buffers that a device creates during `work`. */
async function readbacks<T>(gpu: GPUDevice | undefined, work: () => Promise<T>): Promise<[T, number]> {
  if (!gpu) return [await work(), 0];
  const createBuffer = gpu.createBuffer.bind(gpu);
  let made = 0;
  gpu.createBuffer = (descriptor) => {
    if (descriptor.usage & BufferUsage.mapRead) made++;
    return createBuffer(descriptor);
  };
  try {
    return [await work(), made];
  } finally {
    gpu.createBuffer = createBuffer;
  }
}

function claims(device: string, runtime: Runtime): void {
  const { executor } = runtime;

  test(`${device}: a model takes images and returns logits and weights as tensors or arrays on the device, and reads nothing back`, async () => {
    const shared = await shareDevice(runtime);
    const tensors = await loadTensorModel(runtime, shared, source, { batchSize: BATCH });
    const images = tf.tensor(normalized(), [BATCH, 3, SYNTHETIC.imageSize, SYNTHETIC.imageSize]);
    await tensors.logits<Tensor>(images).then((first) => first.dispose());
    const before = tf.memory().numTensors;
    const [logits, made] = await readbacks(executor.gpu, () => tensors.logits<Tensor>(images));
    assert.is(made, 0);
    assert.equal(logits.shape, [BATCH, SYNTHETIC.classes]);
    assertClose(await valuesOf(logits), wanted, 3e-6, "logits");
    const given = fromTensor(shared, images);
    const kept = await tensors.logitsOnDevice(given);
    const view = toTensor(shared, kept, [BATCH, SYNTHETIC.classes]);
    assert.equal(view.shape, [BATCH, SYNTHETIC.classes]);
    assertClose(await kept.read(), wanted, 3e-6, "logits on the device");
    for (const each of [view, kept, given]) each.dispose();
    const bias = tensors.weight<Tensor>("blocks.0.mlp.fc1.bias");
    assert.equal(bias.shape, [SYNTHETIC.mlpDim]);
    assert.equal(await valuesOf(bias), weights.get("blocks.0.mlp.fc1.bias")?.data);
    assert.is(tf.memory().numTensors, before);
    images.dispose();
    tensors.dispose();
    shared.dispose();
  });

  test(`${device}: results of a program are independent tensors, and inputs of another program`, async () => {
    const shared = await shareDevice(runtime);
    const graph = new GraphBuilder("sum");
    const [a, b] = [graph.input("a", [2, 3]), graph.input("b", [2, 3])];
    graph.output("y", scaledSum(graph, a, b, { alpha: 1, beta: 2 }, "y"));
    const executable = await executor.compile(planProgram(graph, executor.capabilities), new Map());
    const runOnDevice = async (inputs: Record<string, DeviceArray | Float32Array>) =>
      (await executable.runOnDevice?.(inputs))?.y as DeviceArray;
    const ones = tf.tensor([1, 1, 1, 1, 1, 1], [2, 3]);
    const given = fromTensor(shared, ones);
    const first = await runOnDevice({ a: given, b: Float32Array.of(1, 2, 3, 4, 5, 6) });
    const second = await runOnDevice({ a: first, b: given });
    const tensor = toTensor(shared, second, [3, 2]);
    const doubled = tf.add(tensor, tensor);
    assert.equal([...(await valuesOf(doubled))], [10, 14, 18, 22, 26, 30]);
    assert.equal([...(await first.read())], [3, 5, 7, 9, 11, 13]);
    assert.match(
      await messageOf(() => runOnDevice({ a: toArray(shared, [1]), b: given })),
      /a got 1 values of float32/,
    );
    for (const each of [tensor, ones, first, second, given]) each.dispose();
    assert.match(await messageOf(() => second.read()), /after dispose/);
    executable.dispose();
    shared.dispose();
  });
}

function toArray(shared: Awaited<ReturnType<typeof shareDevice>>, values: number[]): DeviceArray {
  const tensor = tf.tensor(values);
  const array = fromTensor(shared, tensor);
  tensor.dispose();
  return array;
}

const cpu = await createRuntime({ host, device: "tfjs:cpu" });
claims("tfjs:cpu", cpu);

test("wasm has no device to share, integers are rejected as inputs, and cpu has no buffers", async () => {
  assert.match(
    await messageOf(() => shareDevice(reference)),
    /device\/unsupported: .*wasm; allowed: webgpu, tfjs:cpu/,
  );
  const shared = await shareDevice(cpu);
  const [whole, half] = [tf.tensor([1], [1], "int32"), tf.tensor([0.5])];
  assert.match(
    await messageOf(async () => fromTensor(shared, whole)),
    /graph\/input: got a tensor of int32, programs take float32/,
  );
  const array = fromTensor(shared, half);
  assert.match(await messageOf(async () => array.deviceBuffer()), /device\/unsupported: .*not on a GPU/);
  for (const each of [whole, half, array]) each.dispose();
});

test("images that do not fill whole batches are refused where logits stay on the device", async () => {
  const inference = await createInference(cpu.executor, SYNTHETIC, weights, { batchSizes: [2] });
  const odd = messageOf(async () => inference.onDevice?.(pixels, BATCH));
  assert.match(await odd, /image\/size: pixels: 3 images, wanted a multiple of 2/);
  inference.dispose();
});

test("a runtime on tfjs's current backend gives the same logits and registers no backend", async () => {
  await tf.setBackend("cpu");
  const own = await createTfjsRuntime({ host, tf });
  assert.is(own.executor.device, "tfjs:cpu");
  assert.match(own.description, /^tfjs:cpu: the cpu backend that tfjs computes with/);
  const loaded = await loadModel(own, source, { batchSizes: [BATCH] });
  assertClose((await loaded.logits(pixels, BATCH)).logits, wanted, 3e-6, "logits");
  loaded.dispose();
  await own.dispose();
  const sum = tf.sum(tf.tensor([1, 2]));
  assert.equal([...(await valuesOf(sum))], [3], "the backend still works");
  const idle = { ...tf, getBackend: () => undefined };
  assert.match(
    await messageOf(() => createTfjsRuntime({ host, tf: idle })),
    /device\/unavailable: .*no backend yet/,
  );
});

const runtimes = [cpu];
for (const device of ["webgpu", "tfjs:webgpu"]) {
  const runtime = await runtimeOrSkip(device);
  if (!runtime) continue;
  runtimes.push(runtime);
  claims(device, runtime);
}

const webgpu = runtimes.find(({ executor }) => executor.device === "webgpu");
if (webgpu)
  test("webgpu: a tensor made from values on the GPU is their buffer, not a copy", async () => {
    const shared = await shareDevice(webgpu);
    const store = webgpu.executor.createStore(new Map([["x", 4]]));
    store.write("x", Float32Array.of(1, 2, 3, 4));
    const array = store.readOnDevice?.("x") as DeviceArray;
    const tensor = toTensor(shared, array, [2, 2]);
    webgpu.executor.gpu?.queue.writeBuffer(array.deviceBuffer(), 8, Float32Array.of(9));
    const sums = tf.sum(tensor, 1);
    assert.equal([...(await valuesOf(sums))], [3, 13]);
    tensor.dispose();
    array.dispose();
    store.dispose();
    shared.dispose();
  });

test.after(async () => {
  for (const runtime of [reference, ...runtimes]) await runtime.dispose();
});
test.run();
