// DeiT: the vision transformer with a class token and a distillation token, as a graph. arXiv 2012.12877, models.py;
// and its relatives: LayerScale and positions on the patches alone (DeiT III, models_v2.py), register tokens, average
// pooling (timm's vision_transformer.py).

import type { GraphBuilder } from "../../graph/graph.js";
import { gelu } from "../../graph/operations/activations.js";
import { attention } from "../../graph/operations/attention.js";
import { globalAveragePool } from "../../graph/operations/channels.js";
import { layerNorm } from "../../graph/operations/layer-norm.js";
import { layerScale } from "../../graph/operations/layer-scale.js";
import { linear } from "../../graph/operations/linear.js";
import { patchifyBytes, patchifyImage } from "../../graph/operations/patchify.js";
import { residual } from "../../graph/operations/residual.js";
import { assembleTokens, selectToken, selectTokensFrom } from "../../graph/operations/tokens.js";
import type { TensorId } from "../../graph/tensor.js";
import { elementCount } from "../../graph/tensor.js";
import { normalizationTable } from "../config.js";
import { type ClassifierHeads, type TrainedOptions, WEIGHTS } from "../family.js";
import { type DeitConfig, normsPool, prefixCount } from "./config.js";
import { deitParameters } from "./parameters.js";

interface Model {
  graph: GraphBuilder;
  config: DeitConfig;
  options: TrainedOptions;
  /** The parameter of this name; a convolution's weight as a matrix [outputs, inputs·K·K]. */
  weight: (name: string) => TensorId;
  seen: (name: string, tensor: TensorId) => TensorId;
  /** Inputs that scale branches, by name; both head tokens of the last block read the same. */
  branchScales: Map<string, TensorId>;
}

/** Name of the input that scales a branch of a block, [batch]. */
export function branchScaleName(block: number, branch: "attn" | "mlp"): string {
  return `branchScale.${block}.${branch}`;
}

/** Inputs that scale the branches, block by block. */
export function branchScaleNames({ depth }: DeitConfig): string[][] {
  return Array.from({ length: depth }, (_, block) => [
    branchScaleName(block, "attn"),
    branchScaleName(block, "mlp"),
  ]);
}

/**
 * Adds a DeiT to `graph`: input `pixels` or `image`, parameters from the store `weights`, logits of the heads. Segments
 * are the embedding and every block but the last, each with one input and one output. The last block is not one: its
 * backward pass directly follows its forward.
 */
export function deit(graph: GraphBuilder, config: DeitConfig, options: TrainedOptions): ClassifierHeads {
  const shapes = deitParameters(config);
  const model: Model = {
    graph,
    config,
    options,
    weight: (name) => {
      const shape = shapes.get(name) as number[];
      const matrix = shape.length === 4 ? [shape[0], elementCount(shape.slice(1))] : shape;
      return graph.stored(WEIGHTS, name, matrix);
    },
    seen: (name, tensor) => {
      options.onTensor?.(name, tensor);
      return tensor;
    },
    branchScales: new Map(),
  };
  const segment = (build: () => TensorId): TensorId => {
    const first = graph.operations.length;
    const result = build();
    options.onSegment?.({ first, end: graph.operations.length });
    return result;
  };
  let stream = segment(() => embed(model));
  const last = config.depth - 1;
  for (let index = 0; index < last; index++) {
    const from = stream;
    stream = segment(() => block(model, from, index));
  }
  if (config.pool === "avg") {
    const pooled = averagePatches(model, block(model, stream, last));
    return { classLogits: model.seen("logits", head(model, pooled, "head")) };
  }
  const tokens = lastTokens(model, stream, last);
  const classLogits = head(model, tokens(0), "head");
  if (!config.distilled) return { classLogits: model.seen("logits", classLogits) };
  const distillationLogits = head(model, tokens(1), "head_dist");
  model.seen("logits.cls", classLogits);
  model.seen("logits.dist", distillationLogits);
  return { classLogits, distillationLogits };
}

/** Images → tokens [batch, tokens, dim]. */
function embed({ graph, config, options, weight, seen }: Model): TensorId {
  const { imageSize, patchSize, distilled, classToken = true, registers = 0 } = config;
  const patches = (() => {
    if (options.input === "image") {
      const image = graph.input("image", [options.batch, 3, imageSize, imageSize]);
      return patchifyImage(graph, image, patchSize, "patches");
    }
    const pixels = graph.input("pixels", [options.batch, imageSize, imageSize, 3], "uint8");
    const table = graph.constant("normalization table", [3, 256], normalizationTable(config));
    return patchifyBytes(graph, pixels, table, patchSize, "patches");
  })();
  const name = "patch_embed";
  const embedded = linear(
    graph,
    patches,
    weight("patch_embed.proj.weight"),
    weight("patch_embed.proj.bias"),
    name,
  );
  seen(name, embedded);
  const prefix = {
    classToken: classToken ? weight("cls_token") : undefined,
    distillationToken: distilled ? weight("dist_token") : undefined,
    registers: registers > 0 ? weight("reg_token") : undefined,
    position: weight("pos_embed"),
  };
  return seen("tokens_plus_pos", assembleTokens(graph, embedded, prefix, "tokens_plus_pos"));
}

function norm(
  { graph, config, weight, seen }: Model,
  x: TensorId,
  parameter: string,
  name: string,
): TensorId {
  const parameters = { weight: weight(`${parameter}.weight`), bias: weight(`${parameter}.bias`) };
  return seen(name, layerNorm(graph, x, parameters, config.layerNormEpsilon, name));
}

function layer(
  { graph, weight, seen }: Model,
  x: TensorId,
  parameter: string,
  name: string,
  hasBias = true,
): TensorId {
  const bias = hasBias ? weight(`${parameter}.bias`) : undefined;
  return seen(name, linear(graph, x, weight(`${parameter}.weight`), bias, name));
}

/** The branch times LayerScale's factors, where the model has them. */
function scaled(
  { graph, config, weight }: Model,
  branch: TensorId,
  parameter: string,
  name: string,
): TensorId {
  if (config.layerScale === undefined) return branch;
  return layerScale(graph, branch, weight(`${parameter}.gamma`), `${name}.scaled`);
}

/** Pre-norm block: x + attention(norm(x)), then x + mlp(norm(x)). [batch, tokens, dim] → same shape. */
function block(model: Model, x: TensorId, index: number): TensorId {
  return feedForward(model, x, attend(model, x, index), index);
}

/** x → attention(norm(x)) before the output projection, [batch, tokens, dim]. */
function attend(model: Model, x: TensorId, index: number): TensorId {
  const { graph, config, seen } = model;
  const from = `blocks.${index}`;
  const to = `block${index}`;
  const normed = norm(model, x, `${from}.norm1`, `${to}.norm1`);
  const qkv = layer(model, normed, `${from}.attn.qkv`, `${to}.attn.qkv`, config.qkvBias);
  const { out, probabilities } = attention(graph, qkv, config.heads, `${to}.attn`);
  seen(`${to}.attn.probs`, probabilities);
  return out;
}

/** The rest of a block, per token: x and its attention, [batch, tokens, dim] or [batch, dim] → same shape. */
function feedForward(model: Model, x: TensorId, attentionOut: TensorId, index: number): TensorId {
  const { graph, options, seen } = model;
  const from = `blocks.${index}`;
  const to = `block${index}`;
  const scale = (branch: "attn" | "mlp") =>
    options.stochasticDepth ? branchScale(model, index, branch) : undefined;
  const attended = layer(model, attentionOut, `${from}.attn.proj`, `${to}.attn`);
  const branch = scaled(model, attended, `${from}.ls1`, `${to}.attn`);
  const middle = residual(graph, x, branch, scale("attn"), `${to}.middle`);

  const secondNorm = norm(model, middle, `${from}.norm2`, `${to}.norm2`);
  const hidden = layer(model, secondNorm, `${from}.mlp.fc1`, `${to}.mlp.fc1`);
  const active = seen(`${to}.mlp.gelu`, gelu(graph, hidden, `${to}.mlp.gelu`));
  const mlp = layer(model, active, `${from}.mlp.fc2`, `${to}.mlp`);
  const second = scaled(model, mlp, `${from}.ls2`, `${to}.mlp`);
  return seen(`${to}.out`, residual(graph, middle, second, scale("mlp"), `${to}.out`));
}

function branchScale(
  { graph, options, branchScales }: Model,
  index: number,
  branch: "attn" | "mlp",
): TensorId {
  const name = branchScaleName(index, branch);
  const known = branchScales.get(name) ?? graph.input(name, [options.batch]);
  branchScales.set(name, known);
  return known;
}

/**
 * The last block and the final norm, for the tokens that a head reads: token → [batch, dim]. After its attention the
 * block is not computed for the other tokens, which saves 5% of DeiT-Tiny. With `onTensor` all tokens are computed.
 */
function lastTokens(model: Model, x: TensorId, index: number): (token: number) => TensorId {
  const { graph, options } = model;
  if (options.onTensor) {
    const stream = norm(model, block(model, x, index), "norm", "norm");
    return (token) => selectToken(graph, stream, token, `head ${token}.token`);
  }
  const attentionOut = attend(model, x, index);
  return (token) => {
    const from = selectToken(graph, x, token, `block${index}.token ${token}`);
    const attended = selectToken(graph, attentionOut, token, `block${index}.attn.token ${token}`);
    return norm(model, feedForward(model, from, attended, index), "norm", "norm");
  };
}

/** The average of the patches, [batch, tokens, dim] → [batch, dim]; the last norm precedes or follows it. */
function averagePatches(model: Model, x: TensorId): TensorId {
  const { graph, config } = model;
  const prefix = prefixCount(config);
  const patches = prefix > 0 ? selectTokensFrom(graph, x, prefix, "patch tokens") : x;
  if (normsPool(config)) return norm(model, globalAveragePool(graph, patches, "pool"), "fc_norm", "fc_norm");
  return globalAveragePool(graph, norm(model, patches, "norm", "norm"), "pool");
}

/** A normalized token [batch, dim] → logits [batch, classes]. */
function head({ graph, options, weight }: Model, token: TensorId, parameter: string): TensorId {
  options.onFeatures?.(token);
  return linear(
    graph,
    token,
    weight(`${parameter}.weight`),
    weight(`${parameter}.bias`),
    `${parameter}.logits`,
  );
}
