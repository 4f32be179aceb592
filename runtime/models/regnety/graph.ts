// RegNetY: the convnet that teaches DeiT, as a graph. arXiv 2003.13678, timm 0.3.2 regnet.py.
//
// A block is 1×1, grouped 3×3, squeeze-and-excitation and 1×1 convolution, added to the block's input, then ReLU.
// Feature maps are [batch, height, width, channels].

import type { GraphBuilder } from "../../graph/graph.js";
import { relu, sigmoid } from "../../graph/operations/activations.js";
import { batchNorm } from "../../graph/operations/batch-norm.js";
import { globalAveragePool, scaleChannels } from "../../graph/operations/channels.js";
import { conv2d } from "../../graph/operations/conv2d.js";
import { linear } from "../../graph/operations/linear.js";
import { channelsLast, normalizeBytes } from "../../graph/operations/patchify.js";
import { residual } from "../../graph/operations/residual.js";
import type { TensorId } from "../../graph/tensor.js";
import { normalizationTable } from "../config.js";
import { type ClassifierOptions, WEIGHTS } from "../family.js";
import type { RegnetyConfig } from "./config.js";
import { type ConvolutionUnit, type RegnetyBlock, regnetyStageBlocks, stemUnit } from "./parameters.js";

/** Name of the store of batch norm's running statistics, which a training step updates without a gradient. */
export const BUFFERS = "buffers";

/** torch.nn.BatchNorm2d's default: running = (1 − momentum)·running + momentum·batch. */
const MOMENTUM = 0.1;

export interface RegnetyOptions extends ClassifierOptions {
  /**
   * `training`: batch norm normalizes by the batch's statistics; the stores `weights` and `buffers` hold the tensors of
   * `regnetyParameters`, channels last. `inference`: the store `weights` holds those of `foldRegnety`.
   */
  mode: "training" | "inference";
}

interface Model {
  graph: GraphBuilder;
  config: RegnetyConfig;
  training: boolean;
}

/** Adds a RegNetY to `graph`: input `pixels` or `image` → logits [batch, classes]. */
export function regnety(graph: GraphBuilder, config: RegnetyConfig, options: RegnetyOptions): TensorId {
  const model: Model = { graph, config, training: options.mode === "training" };
  const seen = (name: string, tensor: TensorId): TensorId => {
    options.onTensor?.(name, tensor);
    return tensor;
  };
  let stream = seen("stem", active(model, stemUnit(config), images(model, options)));
  for (const [stage, blocks] of regnetyStageBlocks(config).entries()) {
    for (const block of blocks) stream = residualBlock(model, block, stream);
    seen(`s${stage + 1}`, stream);
  }
  const pooled = globalAveragePool(graph, stream, "head.pool");
  const weight = graph.stored(WEIGHTS, "head.fc.weight", [config.classes, graph.shapeOf(pooled)[1]]);
  const bias = graph.stored(WEIGHTS, "head.fc.bias", [config.classes]);
  return seen("logits", linear(graph, pooled, weight, bias, "logits"));
}

/** Normalized images [batch, size, size, 3]. */
function images({ graph, config }: Model, { batch, input }: RegnetyOptions): TensorId {
  const { imageSize: size } = config;
  if (input === "image")
    return channelsLast(graph, graph.input("image", [batch, 3, size, size]), "channels last");
  const pixels = graph.input("pixels", [batch, size, size, 3], "uint8");
  const table = graph.constant("normalization table", [3, 256], normalizationTable(config));
  return normalizeBytes(graph, pixels, table, "normalized");
}

/** Convolution and batch norm, one operation in inference, where the norm is folded into the convolution. */
function convolution({ graph, config, training }: Model, unit: ConvolutionUnit, x: TensorId): TensorId {
  const { name, inputs, outputs, kernel, stride, groups } = unit;
  const to = training ? `${name}.conv` : name;
  const bias = training ? undefined : graph.stored(WEIGHTS, `${name}.conv.bias`, [outputs]);
  const weight = (shape: number[]) => graph.stored(WEIGHTS, `${name}.conv.weight`, shape);
  const isLinear = kernel === 1 && stride === 1 && groups === 1;
  const y = isLinear
    ? linear(graph, x, weight([outputs, inputs]), bias, to)
    : conv2d(graph, x, weight([outputs, kernel, kernel, inputs / groups]), bias, { stride, groups }, to);
  if (!training) return y;
  const tensors = {
    weight: graph.stored(WEIGHTS, `${name}.bn.weight`, [outputs]),
    bias: graph.stored(WEIGHTS, `${name}.bn.bias`, [outputs]),
    runningMean: graph.stored(BUFFERS, `${name}.bn.running_mean`, [outputs]),
    runningVariance: graph.stored(BUFFERS, `${name}.bn.running_var`, [outputs]),
  };
  const options = { epsilon: config.batchNormEpsilon, momentum: MOMENTUM };
  return batchNorm(graph, y, tensors, options, name);
}

function active(model: Model, unit: ConvolutionUnit, x: TensorId): TensorId {
  return relu(model.graph, convolution(model, unit, x), `${unit.name}.act`);
}

function residualBlock(model: Model, block: RegnetyBlock, x: TensorId): TensorId {
  const { graph } = model;
  const [first, grouped, last] = block.convolutions;
  const hidden = active(model, grouped, active(model, first, x));
  const branch = convolution(model, last, excite(model, block, hidden));
  const shortcut = block.downsample ? convolution(model, block.downsample, x) : x;
  return relu(graph, residual(graph, shortcut, branch, undefined, `${block.name}.sum`), block.name);
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
