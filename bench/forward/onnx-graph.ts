// ONNX graph: a DeiT as an ONNX model, image [batch, 3, size, size] → logits, as PyTorch's exporter would write it.
//
// Batch and all shapes are fixed, so that a runtime can fold constants. The patch embedding is a convolution, a linear
// layer is MatMul and Add with its weight transposed here, attention is the chain of operators that runtimes fuse.

import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { patchCount, tokenCount } from "../../runtime/models/deit/config.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import {
  encodeOnnx,
  FLOAT,
  floatAttribute,
  INT64,
  intAttribute,
  intsAttribute,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
} from "./onnx-proto.js";

/** Bytes of an .onnx file with input `image` and output `logits` [batch, classes]: mean of both heads if distilled. */
export function deitToOnnx(config: DeitConfig, weights: TensorMap, batch: number): Uint8Array {
  const graph = new OnnxBuilder(weights);
  let stream = embed(graph, config, batch);
  for (let index = 0; index < config.depth; index++) stream = block(graph, config, batch, stream, index);
  const normed = layerNorm(graph, config, stream, "norm");
  const classLogits = head(graph, normed, 0, "head");
  if (config.distilled) {
    const sum = graph.node("Add", [classLogits, head(graph, normed, 1, "head_dist")]);
    graph.node("Mul", [sum, graph.scalar("half", 0.5)], [], "logits");
  } else {
    graph.node("Identity", [classLogits], [], "logits");
  }
  const { imageSize, classes } = config;
  return encodeOnnx({
    name: "deit",
    nodes: graph.nodes,
    tensors: graph.tensors,
    inputs: [{ name: "image", dims: [batch, 3, imageSize, imageSize] }],
    outputs: [{ name: "logits", dims: [batch, classes] }],
  });
}

class OnnxBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  readonly #weights: TensorMap;
  readonly #known = new Set<string>();

  constructor(weights: TensorMap) {
    this.#weights = weights;
  }

  /** Adds a node with one output and returns the output's name. */
  node(
    type: string,
    input: readonly string[],
    attribute: readonly OnnxAttribute[] = [],
    name?: string,
  ): string {
    const output = name ?? `${type}_${this.nodes.length}`;
    this.nodes.push({ op_type: type, name: `node ${output}`, input, output: [output], attribute });
    return output;
  }

  /** An initializer, added once. */
  floats(name: string, dims: readonly number[], data: Float32Array): string {
    if (this.#known.has(name)) return name;
    this.#known.add(name);
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.tensors.push({ name, data_type: FLOAT, dims, raw_data: raw });
    return name;
  }

  scalar(name: string, value: number): string {
    return this.floats(name, [], Float32Array.of(value));
  }

  integers(name: string, values: readonly number[], dims: readonly number[] = [values.length]): string {
    if (this.#known.has(name)) return name;
    this.#known.add(name);
    const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.tensors.push({ name, data_type: INT64, dims, raw_data: raw });
    return name;
  }

  reshape(x: string, ...shape: number[]): string {
    return this.node("Reshape", [x, this.integers(`shape ${shape.join("x")}`, shape)]);
  }

  transpose(x: string, ...perm: number[]): string {
    return this.node("Transpose", [x], [intsAttribute("perm", perm)]);
  }

  /** Selects one index of an axis and removes the axis. */
  pick(x: string, axis: number, index: number): string {
    return this.node(
      "Gather",
      [x, this.integers(`index ${index}`, [index], [])],
      [intAttribute("axis", axis)],
    );
  }

  weight(name: string): string {
    const tensor = this.#tensor(name);
    return this.floats(name, tensor.shape, tensor.data);
  }

  /** [outputs, inputs] → [inputs, outputs], which MatMul takes. */
  transposedWeight(name: string): string {
    const { shape, data } = this.#tensor(name);
    const [outputs, inputs] = shape as [number, number];
    const transposed = new Float32Array(data.length);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) transposed[i * outputs + o] = data[o * inputs + i];
    return this.floats(`${name} transposed`, [inputs, outputs], transposed);
  }

  #tensor(name: string): { shape: readonly number[]; data: Float32Array } {
    const tensor = this.#weights.get(name);
    if (!tensor) throw new Error(`onnx: there is no weight ${name}`);
    return tensor;
  }
}

/** image → tokens [batch, tokens, dim]. */
function embed(graph: OnnxBuilder, config: DeitConfig, batch: number): string {
  const { dim, patchSize, distilled } = config;
  const sides = [patchSize, patchSize];
  const convolved = graph.node(
    "Conv",
    ["image", graph.weight("patch_embed.proj.weight"), graph.weight("patch_embed.proj.bias")],
    [intsAttribute("kernel_shape", sides), intsAttribute("strides", sides)],
  );
  const patches = graph.transpose(graph.reshape(convolved, batch, dim, patchCount(config)), 0, 2, 1);
  const names = ["cls_token", ...(distilled ? ["dist_token"] : [])];
  const shape = graph.integers("prefix shape", [batch, 1, dim]);
  const prefix = names.map((name) => graph.node("Expand", [graph.weight(name), shape]));
  const tokens = graph.node("Concat", [...prefix, patches], [intAttribute("axis", 1)]);
  return graph.node("Add", [tokens, graph.weight("pos_embed")]);
}

function layerNorm(graph: OnnxBuilder, config: DeitConfig, x: string, name: string): string {
  const attributes = [intAttribute("axis", -1), floatAttribute("epsilon", config.layerNormEpsilon)];
  const inputs = [x, graph.weight(`${name}.weight`), graph.weight(`${name}.bias`)];
  return graph.node("LayerNormalization", inputs, attributes);
}

function linear(graph: OnnxBuilder, x: string, name: string): string {
  const product = graph.node("MatMul", [x, graph.transposedWeight(`${name}.weight`)]);
  return graph.node("Add", [product, graph.weight(`${name}.bias`)]);
}

/** x [batch, tokens, dim] → x + attention(norm(x)), then + mlp(norm(x)). */
function block(graph: OnnxBuilder, config: DeitConfig, batch: number, x: string, index: number): string {
  const name = `blocks.${index}`;
  const attended = attention(graph, config, batch, layerNorm(graph, config, x, `${name}.norm1`), name);
  const middle = graph.node("Add", [x, attended]);
  const hidden = linear(graph, layerNorm(graph, config, middle, `${name}.norm2`), `${name}.mlp.fc1`);
  const mlp = linear(graph, graph.node("Gelu", [hidden]), `${name}.mlp.fc2`);
  return graph.node("Add", [middle, mlp]);
}

function attention(
  graph: OnnxBuilder,
  config: DeitConfig,
  batch: number,
  normed: string,
  name: string,
): string {
  const { dim, heads } = config;
  const tokens = tokenCount(config);
  const size = dim / heads;
  const qkv = graph.reshape(linear(graph, normed, `${name}.attn.qkv`), batch, tokens, 3, heads, size);
  const byHead = graph.transpose(qkv, 2, 0, 3, 1, 4);
  const [q, k, v] = [0, 1, 2].map((part) => graph.pick(byHead, 0, part)) as [string, string, string];
  const scores = graph.node("MatMul", [q, graph.transpose(k, 0, 1, 3, 2)]);
  const scaled = graph.node("Mul", [scores, graph.scalar("score scale", size ** -0.5)]);
  const probabilities = graph.node("Softmax", [scaled], [intAttribute("axis", -1)]);
  const out = graph.transpose(graph.node("MatMul", [probabilities, v]), 0, 2, 1, 3);
  return linear(graph, graph.reshape(out, batch, tokens, dim), `${name}.attn.proj`);
}

function head(graph: OnnxBuilder, normed: string, token: number, name: string): string {
  return linear(graph, graph.pick(normed, 1, token), name);
}
