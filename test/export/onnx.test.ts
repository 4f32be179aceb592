// ONNX files: the operators' specification gives the model's own logits, for any batch size and number format.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { exportModel } from "../../runtime/model-files/export.js";
import type { StoredModel } from "../../runtime/model-files/stored-model.js";
import { completeConfig, type DeitConfig } from "../../runtime/models/deit/config.js";
import { encodeOnnx } from "../../runtime/onnx/messages.js";
import { modelToOnnx } from "../../runtime/onnx/model.js";
import { type FloatDtype, throughDtype } from "../../runtime/weights/weight-dtype.js";
import { SYNTHETIC_REGNETY } from "../models/synthetic-regnety.js";
import { normalizedImage, storedModel, syntheticPixels } from "./models.js";
import { readOnnx, runOnnx } from "./onnx-reference.js";

const DISTILLED = completeConfig(
  { imageSize: 16, patchSize: 8, dim: 24, depth: 2, heads: 3, mlpDim: 40, classes: 5, distilled: true },
  "onnx",
);
const PLAIN = { ...DISTILLED, distilled: false, layerNormEpsilon: 1e-3 };

const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: 1 });
test.after(() => runtime.dispose());

function onnxOf(model: StoredModel, dtype: FloatDtype = "float32"): Uint8Array {
  return exportModel(model, "onnx", dtype).content as Uint8Array;
}

async function compare(model: StoredModel, count: number, dtype: FloatDtype = "float32"): Promise<void> {
  const { config } = model;
  const pixels = syntheticPixels(config, count);
  const rounded = { ...model, weights: throughDtype(model.weights, dtype) };
  const loaded = await loadModel(runtime, rounded, { batchSizes: [count] });
  const expected = (await loaded.logits(pixels, count)).logits;
  const image = normalizedImage(config, pixels);
  const { imageSize: size, classes } = config;
  const { dims, data } = runOnnx(readOnnx(onnxOf(model, dtype)), [count, 3, size, size], image);
  assert.equal(dims, [count, classes]);
  for (const [index, value] of expected.entries())
    assert.ok(Math.abs(value - data[index]!) < 2e-5, `logit ${index}: ${value}, ${data[index]}`);
  loaded.dispose();
}

test("a distilled DeiT's file computes the mean of both heads, for one image and for three", async () => {
  const model = storedModel(DISTILLED);
  await compare(model, 1);
  await compare(model, 3);
});

test("a plain DeiT's file has its own ε", () => compare(storedModel(PLAIN), 2));

test("DeiT III, register tokens, average pooling and a model without class token", async () => {
  const plain = { ...PLAIN, layerNormEpsilon: 1e-6 };
  const variants: Partial<DeitConfig>[] = [
    { layerScale: 1e-4, prefixPositions: false },
    { registers: 2, qkvBias: false },
    { registers: 2, prefixPositions: false, pool: "avg" },
    { pool: "avg", poolNorm: false },
    { classToken: false, pool: "avg" },
  ];
  for (const variant of variants) await compare(storedModel({ ...plain, ...variant }), 2);
});

test("weights in float16 and bfloat16 take half the bytes and give the rounded model's logits", async () => {
  const model = storedModel(DISTILLED);
  for (const dtype of ["float16", "bfloat16"] as const) {
    await compare(model, 2, dtype);
    assert.ok(onnxOf(model, dtype).length < 0.75 * onnxOf(model).length);
  }
});

test("a RegNetY's file computes on feature maps with channels second", async () => {
  const model = storedModel({ ...SYNTHETIC_REGNETY, imageSize: 16 });
  await compare(model, 1);
  await compare(model, 2);
  const { graph } = readOnnx(onnxOf(model));
  // No layout changes between the convolutions.
  assert.equal(graph.node.filter(({ op_type: type }) => type === "Transpose").length, 0);
});

test("the file names its input and output, leaves the batch open, and describes its input", () => {
  const file = readOnnx(onnxOf(storedModel(DISTILLED)));
  const dims = (value: (typeof file.graph.input)[number]) =>
    value.type.tensor_type.shape.dim.map(({ dim_value: size, dim_param: name }) => name ?? size);
  assert.equal(
    file.graph.input.map((value) => [value.name, dims(value)]),
    [["pixel_values", ["batch", 3, 16, 16]]],
  );
  assert.equal(
    file.graph.output.map((value) => [value.name, dims(value)]),
    [["logits", ["batch", 5]]],
  );
  assert.equal(file.opset_import, [{ domain: "", version: 17 }]);
  const metadata = new Map(file.metadata_props.map(({ key, value }) => [key, JSON.parse(value)]));
  assert.equal(metadata.get("labels"), ["kind 0", "kind 1", "kind 2", "kind 3", "kind 4"]);
  assert.equal(metadata.get("preprocessor_config").size, { shortest_edge: 18 });
});

test("the same model gives the same bytes, and a fixed batch is the file's", () => {
  const model = storedModel(DISTILLED);
  assert.equal(onnxOf(model), onnxOf(model));
  const fixed = readOnnx(modelToOnnx(model, "float32", 4));
  assert.is(fixed.graph.input[0]!.type.tensor_type.shape.dim[0]!.dim_value, 4);
});

test("weights of 2 GiB are refused before anything is written", () => {
  // Four references to one array: nothing of this size is allocated.
  const raw = new Uint8Array(2 ** 29);
  const tensors = Array.from({ length: 4 }, (_, i) => ({
    name: `${i}`,
    data_type: 1,
    dims: [2 ** 27],
    raw_data: raw,
  }));
  try {
    encodeOnnx({ name: "large", nodes: [], tensors, inputs: [], outputs: [], metadata: {} });
    assert.unreachable();
  } catch (error) {
    assert.ok(isVitrineError(error) && error.code === "export/too-large");
    assert.match(error.message, /--dtype f16/);
  }
});

test.run();
