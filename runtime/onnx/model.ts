// ONNX model: a classifier in evaluation mode as an .onnx file, translated from the graph that Vitrine itself computes.

import { classifierGraph } from "../inference/step.js";
import { familyOf, type ModelConfig } from "../models/families.js";
import { preprocessorFields } from "../models/preprocessor-json.js";
import type { TensorMap } from "../weights/tensor-map.js";
import type { FloatDtype } from "../weights/weight-dtype.js";
import { OnnxBuilder } from "./builder.js";
import { encodeOnnx } from "./messages.js";
import { translate } from "./operations.js";

/** Names of the file's input and output. */
export const ONNX_INPUT = "pixel_values";
export const ONNX_OUTPUT = "logits";

/** The description, class names and float32 weights, under timm's names, of a model. */
export interface OnnxSource {
  config: ModelConfig;
  labels: readonly string[];
  weights: TensorMap;
}

/**
 * The bytes of an .onnx file: input `pixel_values`, float32 [batch, 3, size, size], normalized; output `logits`
 * [batch, classes], with two heads the mean of their logits. Weights are stored as `dtype` and computed with in float32.
 * `metadata_props` holds transformers' preprocessor_config.json as `preprocessor_config`, the class names as `labels`.
 * `batch`: a fixed batch size; default any. Throws `export/unsupported`, `export/too-large` and `weights/float16`.
 */
export function modelToOnnx(
  { config, labels, weights }: OnnxSource,
  dtype: FloatDtype,
  batch?: number,
): Uint8Array<ArrayBuffer> {
  const family = familyOf(config);
  const graph = classifierGraph(family, config, batch ?? 1, { input: "image" });
  const onnx = new OnnxBuilder(graph, family.inferenceWeights(config, weights), dtype);
  const image = graph.inputs.get("image") as number;
  const logits = (graph.outputs.get("logits") ?? graph.outputs.get("logits.cls")) as number;
  onnx.bind(image, ONNX_INPUT);
  onnx.bind(logits, ONNX_OUTPUT);
  for (const operation of graph.operations) translate(operation, onnx);
  const { imageSize: size, classes } = config;
  const axis = batch ?? "batch";
  return encodeOnnx({
    name: family.name,
    nodes: onnx.nodes,
    tensors: onnx.tensors,
    inputs: [{ name: ONNX_INPUT, dims: [axis, 3, size, size] }],
    outputs: [{ name: ONNX_OUTPUT, dims: [axis, classes] }],
    metadata: {
      // transformers has no processor that draws a border.
      ...(config.cropMode !== "border" && {
        preprocessor_config: JSON.stringify(preprocessorFields(config)),
      }),
      labels: JSON.stringify(labels),
    },
  });
}
