// RegNetY: the convnet that teaches DeiT, as a graph. arXiv 2003.13678, timm 0.3.2 regnet.py.
//
// A block is 1×1, grouped 3×3, squeeze-and-excitation and 1×1 convolution, added to the block's input, then ReLU.
// Feature maps are [batch, height, width, channels].

import type { GraphBuilder } from "../../graph/graph.js";
import { relu, sigmoid } from "../../graph/operations/activations.js";
import { batchNorm, foldBatchNorm } from "../../graph/operations/batch-norm.js";
import { globalAveragePool, scaleChannels } from "../../graph/operations/channels.js";
import { conv2d } from "../../graph/operations/conv2d.js";
import { linear } from "../../graph/operations/linear.js";
import { channelsLast, normalizeBytes } from "../../graph/operations/patchify.js";
import { residual } from "../../graph/operations/residual.js";
import type { TensorId } from "../../graph/tensor.js";
import { normalizationTable } from "../config.js";
import { BUFFERS, type ClassifierOptions, type TrainedOptions, WEIGHTS } from "../family.js";
import type { RegnetyConfig } from "./config.js";
import { type ConvolutionUnit, type RegnetyBlock, regnetyStageBlocks, stemUnit } from "./parameters.js";

/** torch.nn.BatchNorm2d's default: running = (1 − momentum)·running + momentum·batch. */
const MOMENTUM = 0.1;

/**
 * `training`: batch norm normalizes by the batch's statistics. `evaluation`: by the running ones. For both the stores
 * `weights` and `buffers` hold the tensors of `regnetyParameters`, channels last. `inference`: the store `weights` holds
 * those of `foldRegnety`.
 */
export type RegnetyMode = "training" | "evaluation" | "inference";

/** Segments are the stem and every block but the last. */
export interface RegnetyOptions extends ClassifierOptions, Partial<Omit<TrainedOptions, "batch" | "input">> {
  mode: RegnetyMode;
}

interface Model {
  graph: GraphBuilder;
  config: RegnetyConfig;
  options: RegnetyOptions;
}

/** Name of the input that scales a block's branch, [batch]: timm draws one for each block. */
function branchScaleName({ name }: RegnetyBlock): string {
  return `branchScale.${name}`;
}

/** Inputs that scale the branches, block by block. */
export function branchScaleNames(config: RegnetyConfig): string[][] {
  return regnetyStageBlocks(config)
    .flat()
    .map((block) => [branchScaleName(block)]);
}

/** Adds a RegNetY to `graph`: input `pixels` or `image` → logits [batch, classes]. */
export function regnety(graph: GraphBuilder, config: RegnetyConfig, options: RegnetyOptions): TensorId {
  const model: Model = { graph, config, options };
  const seen = (name: string, tensor: TensorId): TensorId => {
    options.onTensor?.(name, tensor);
    return tensor;
  };
  const segment = (build: () => TensorId): TensorId => {
    const first = graph.operations.length;
    const result = build();
    options.onSegment?.({ first, end: graph.operations.length });
    return result;
  };
  const stages = regnetyStageBlocks(config);
  const last = stages.at(-1)?.at(-1);
  let stream = seen(
    "stem",
    segment(() => active(model, stemUnit(config), images(model))),
  );
  for (const [stage, blocks] of stages.entries()) {
    for (const block of blocks) {
      const from = stream;
      const build = () => residualBlock(model, block, from);
      stream = block === last ? build() : segment(build);
    }
    seen(`s${stage + 1}`, stream);
  }
  const pooled = globalAveragePool(graph, stream, "head.pool");
  options.onFeatures?.(pooled);
  const weight = graph.stored(WEIGHTS, "head.fc.weight", [config.classes, graph.shapeOf(pooled)[1]]);
  const bias = graph.stored(WEIGHTS, "head.fc.bias", [config.classes]);
  return seen("logits", linear(graph, pooled, weight, bias, "logits"));
}

/** Normalized images [batch, size, size, 3]. */
function images({ graph, config, options: { batch, input } }: Model): TensorId {
  const { imageSize: size } = config;
  if (input === "image")
    return channelsLast(graph, graph.input("image", [batch, 3, size, size]), "channels last");
  const pixels = graph.input("pixels", [batch, size, size, 3], "uint8");
  const table = graph.constant("normalization table", [3, 256], normalizationTable(config));
  return normalizeBytes(graph, pixels, table, "normalized");
}

/** Convolution and batch norm; outside training the norm is folded into the convolution. */
function convolution(model: Model, unit: ConvolutionUnit, x: TensorId): TensorId {
  const { graph, config, options } = model;
  const { name, inputs, outputs, kernel, stride, groups } = unit;
  const isLinear = kernel === 1 && stride === 1 && groups === 1;
  const shape = isLinear ? [outputs, inputs] : [outputs, kernel, kernel, inputs / groups];
  const stored = graph.stored(WEIGHTS, `${name}.conv.weight`, shape);
  const product = (weight: TensorId, bias: TensorId | undefined, to: string) =>
    isLinear ? linear(graph, x, weight, bias, to) : conv2d(graph, x, weight, bias, { stride, groups }, to);
  if (options.mode === "inference")
    return product(stored, graph.stored(WEIGHTS, `${name}.conv.bias`, [outputs]), name);
  const norm = (store: string, part: string) => graph.stored(store, `${name}.bn.${part}`, [outputs]);
  const [gamma, beta] = [norm(WEIGHTS, "weight"), norm(WEIGHTS, "bias")];
  const [mean, variance] = [norm(BUFFERS, "running_mean"), norm(BUFFERS, "running_var")];
  const { batchNormEpsilon: epsilon } = config;
  if (options.mode === "evaluation") {
    const { weight, bias } = foldBatchNorm(graph, stored, { gamma, beta, mean, variance }, epsilon, name);
    return product(weight, bias, name);
  }
  const tensors = { weight: gamma, bias: beta, runningMean: mean, runningVariance: variance };
  const y = product(stored, undefined, `${name}.conv`);
  return batchNorm(graph, y, tensors, { epsilon, momentum: MOMENTUM }, name);
}

function active(model: Model, unit: ConvolutionUnit, x: TensorId): TensorId {
  return relu(model.graph, convolution(model, unit, x), `${unit.name}.act`);
}

function residualBlock(model: Model, block: RegnetyBlock, x: TensorId): TensorId {
  const { graph, options } = model;
  const [first, grouped, last] = block.convolutions;
  const hidden = active(model, grouped, active(model, first, x));
  const branch = convolution(model, last, excite(model, block, hidden));
  const shortcut = block.downsample ? convolution(model, block.downsample, x) : x;
  const scale = options.stochasticDepth ? graph.input(branchScaleName(block), [options.batch]) : undefined;
  return relu(graph, residual(graph, shortcut, branch, scale, `${block.name}.sum`), block.name);
}

/** Squeeze-and-excitation: each channel is scaled by a gate computed from the averages of all channels. */
function excite({ graph }: Model, { name, squeeze }: RegnetyBlock, x: TensorId): TensorId {
  const width = graph.shapeOf(x).at(-1) as number;
  const layer = (part: string, from: TensorId, outputs: number, inputs: number) =>
    linear(
      graph,
      from,
      graph.stored(WEIGHTS, `${name}.se.${part}.weight`, [outputs, inputs]),
      graph.stored(WEIGHTS, `${name}.se.${part}.bias`, [outputs]),
      `${name}.se.${part}`,
    );
  const pooled = globalAveragePool(graph, x, `${name}.se.pool`);
  const narrow = relu(graph, layer("fc1", pooled, squeeze, width), `${name}.se.act`);
  const gate = sigmoid(graph, layer("fc2", narrow, width, squeeze), `${name}.se.gate`);
  return scaleChannels(graph, x, gate, `${name}.se`);
}
