// Training graph: the two programs of a step. `accumulate` adds gradients, `apply` uses and clears them.

import { VitrineError } from "../errors.js";
import { differentiate } from "../graph/autodiff.js";
import { GraphBuilder } from "../graph/graph.js";
import { sigmoid } from "../graph/operations/activations.js";
import { swapHalves } from "../graph/operations/halves.js";
import { updateLossScale } from "../graph/operations/loss-scale.js";
import {
  binaryCrossEntropy,
  hardDistillation,
  softDistillation,
  softTargetCrossEntropy,
} from "../graph/operations/losses.js";
import {
  ADAMW_SETTINGS,
  adamW,
  fill,
  lambDirection,
  lambStep,
  movingAverage,
  sgd,
  sumOfSquares,
} from "../graph/operations/optimizer.js";
import { dot, scaledSum } from "../graph/operations/sums.js";
import type { Graph, Segment } from "../graph/program.js";
import type { TensorId } from "../graph/tensor.js";
import { elementCount } from "../graph/tensor.js";
import { BUFFERS, type ClassifierHeads, type ImageInput, WEIGHTS } from "../models/family.js";
import type { ParameterShapes } from "../weights/tensor-map.js";
import type { TrainingOptions } from "./contract.js";
import { LOSS_SCALE_RULE, storedLossScale } from "./loss-scale.js";
import { AVERAGE, AVERAGE_BUFFERS, FIRST_MOMENT, GRADIENTS, SECOND_MOMENT } from "./store-names.js";
import type { TrainedFamily } from "./tensors.js";

/** The options that the programs depend on. */
export type StepOptions = Pick<
  TrainingOptions,
  | "config"
  | "distillation"
  | "alpha"
  | "tau"
  | "softScale"
  | "dropPath"
  | "noDecay"
  | "frozen"
  | "optimizer"
  | "rateFactors"
  | "loss"
  | "cosub"
  | "ema"
  | "recompute"
  | "lossScaling"
>;

/**
 * Forward, loss, backward for `batch` samples. Inputs: `pixels` (or `image`), `targets` [batch, classes],
 * `sampleWeights` [batch], `teacherLogits` [batch, classes] with distillation, the branch scales with stochastic depth.
 * With `cosub` every input has both computations of the batch, 2·batch rows.
 * With `recompute` only the blocks' inputs are kept for the backward pass; with `lossScaling` all gradients are those
 * of the scaled loss. Output `loss` [1] = Σ w·((1−α)·base + α·scale·distillation), losses.py of facebook's deit, with
 * `distillationScale`; without distillation the loss is the class head's alone. With it the outputs `base` and
 * `distillation` [batch], `classLogits` and, of a model with two heads, `distillationLogits` [batch, classes] as well.
 */
export function accumulateGraph(
  { training }: Pick<TrainedFamily, "training">,
  options: StepOptions,
  batch: number,
  input: ImageInput,
): Graph {
  const { config, dropPath, cosub = false } = options;
  if (cosub && options.distillation !== "none")
    throw new VitrineError("usage/training", "cosub teaches a model by itself: it has no teacher");
  const rows = cosub ? 2 * batch : batch;
  const graph = new GraphBuilder("training step");
  const segments: Segment[] = [];
  const onSegment = (segment: Segment) => segments.push(segment);
  const heads = training.addTrained(graph, config, {
    batch: rows,
    input,
    stochasticDepth: dropPath > 0,
    onSegment,
  });
  const targets = graph.input("targets", [rows, config.classes]);
  const sampleWeights = graph.input("sampleWeights", [rows]);
  const baseLoss = cosub || options.loss === "binary" ? binaryCrossEntropy : softTargetCrossEntropy;
  const base = baseLoss(graph, heads.classLogits, targets);
  const perSample = cosub ? mutualLoss(graph, heads, base) : distilledLoss(graph, options, heads, base);
  const loss = dot(graph, perSample, sampleWeights, "loss");
  graph.output("loss", loss);
  const recompute = options.recompute ? segments : [];
  const seed = options.lossScaling ? storedLossScale(graph).scale : undefined;
  const frozen = new Set(options.frozen);
  differentiate(graph, loss, { parameters: WEIGHTS, frozen, gradients: GRADIENTS, recompute, seed });
  return graph;
}

/**
 * Half the loss with the targets, half that with the other computation's probabilities, which are constants: its gradient
 * does not pass through the targets of a loss.
 */
function mutualLoss(graph: GraphBuilder, { classLogits }: ClassifierHeads, base: TensorId): TensorId {
  const others = sigmoid(graph, swapHalves(graph, classLogits, "other half"), "other half's probabilities");
  const mutual = binaryCrossEntropy(graph, classLogits, others);
  return scaledSum(graph, base, mutual, { alpha: 0.5, beta: 0.5 }, "loss per sample");
}

/** The head that learns from the teacher is the distillation token's, or in a model without one the class head. */
function distilledLoss(
  graph: GraphBuilder,
  options: StepOptions,
  { classLogits, distillationLogits }: ClassifierHeads,
  base: TensorId,
): TensorId {
  const { distillation, alpha, tau } = options;
  if (distillation === "none") return base;
  const student = distillationLogits ?? classLogits;
  const teacher = graph.input("teacherLogits", graph.shapeOf(classLogits));
  const distilled =
    distillation === "hard"
      ? hardDistillation(graph, student, teacher)
      : softDistillation(graph, student, teacher, tau);
  // The terms per sample and the heads' logits, for what is reported about a step: they cost no operation.
  graph.output("base", base);
  graph.output("distillation", distilled);
  graph.output("classLogits", classLogits);
  if (distillationLogits !== undefined) graph.output("distillationLogits", distillationLogits);
  const beta = alpha * distillationScale(options);
  return scaledSum(graph, base, distilled, { alpha: 1 - alpha, beta }, "loss per sample");
}

/**
 * The factor on the program's distillation loss: losses.py divides the sum of soft distillation by batch·classes, the
 * paper (arXiv 2012.12877, equation 2) by the batch alone.
 */
export function distillationScale({
  distillation,
  softScale = "main",
  config,
}: Pick<TrainingOptions, "distillation" | "softScale" | "config">): number {
  return distillation === "soft" && softScale === "paper" ? config.classes : 1;
}

/** Parameters that the optimizer treats alike. */
export interface ParameterGroup {
  names: string[];
  /** Whether weight decay applies. */
  decayed: boolean;
  /** Factor on the learning rate. */
  rateFactor: number;
}

export interface ParameterGroups {
  groups: ParameterGroup[];
  /** Frozen, or without a gradient: torch's optimizer skips them, weight decay included. */
  untouched: string[];
}

/**
 * timm's param_groups_weight_decay: no decay for tensors of one dimension, biases and the names in `noDecay`; a group of
 * each for every factor on the learning rate, the decayed ones first.
 */
export function parameterGroups(
  family: TrainedFamily,
  shapes: ParameterShapes,
  options: StepOptions,
): ParameterGroups {
  const { config, distillation, rateFactors } = options;
  const noDecay = new Set(options.noDecay ?? family.training.noDecay);
  const [, ...distilledHeads] = family.headNames(config);
  const untrained = distillation === "none" ? distilledHeads : [];
  const frozen = new Set(options.frozen);
  const groups = new Map<string, ParameterGroup>();
  const untouched: string[] = [];
  for (const [name, shape] of shapes) {
    if (frozen.has(name) || untrained.some((head) => name.startsWith(`${head}.`))) {
      untouched.push(name);
      continue;
    }
    const decayed = !(shape.length === 1 || name.endsWith(".bias") || noDecay.has(name));
    const rateFactor = rateFactors?.get(name) ?? 1;
    const key = `${decayed} ${rateFactor}`;
    const group = groups.get(key) ?? { names: [], decayed, rateFactor };
    group.names.push(name);
    groups.set(key, group);
  }
  const ordered = [...groups.values()];
  return { groups: [...ordered.filter((g) => g.decayed), ...ordered.filter((g) => !g.decayed)], untouched };
}

/** What a step changes: parameters by group, and running statistics, which are only averaged. */
export interface SteppedTensors {
  shapes: ParameterShapes;
  groups: ParameterGroups;
  buffers?: ParameterShapes;
}

/**
 * Clip, step, average, clear. Input `settings` float64 [12] (see `adamWSettings`); output `norm` float64 [1], the sum
 * of squares of the gradients before clipping. The tensors of a group are contiguous in the stores, so each group is
 * one operation; LAMB takes the norms of each tensor in it. With `lossScaling` the scale is undone first and then
 * updated, and the output `report` [4] holds it (see `readReport`).
 */
export function applyGraph(
  { shapes, groups: { groups }, buffers = new Map() }: SteppedTensors,
  { ema, lossScaling = false, optimizer = "adamw" }: Pick<StepOptions, "ema" | "lossScaling" | "optimizer">,
): Graph {
  const graph = new GraphBuilder("optimizer step");
  const run = (store: string, names: readonly string[]) => {
    const count = names.reduce((sum, name) => sum + elementCount(shapes.get(name) ?? []), 0);
    return graph.stored(store, names[0], [count], names.at(-1));
  };
  const settings = graph.input("settings", [ADAMW_SETTINGS.length], "float64");
  const all = groups.flatMap(({ names }) => names);
  const gradients = run(GRADIENTS, all);
  const norm = sumOfSquares(graph, gradients, "norm");
  graph.output("norm", norm);
  const stepped = lossScaling ? unscaledSettings(graph, settings, norm) : settings;
  for (const { names, decayed, rateFactor } of groups) {
    const [parameters, gradients] = [run(WEIGHTS, names), run(GRADIENTS, names)];
    const operands = { gradients, parameters, firstMoment: run(FIRST_MOMENT, names), decayed, rateFactor };
    if (optimizer === "sgd") {
      sgd(graph, operands, stepped, norm);
      continue;
    }
    const secondMoment = run(SECOND_MOMENT, names);
    const adaptive = { ...operands, secondMoment };
    if (optimizer === "adamw")
      adamW(graph, { ...adaptive, ...(ema && { average: run(AVERAGE, names) }) }, stepped, norm);
    else {
      lambDirection(graph, adaptive, stepped, norm);
      // timm's Lamb adapts only where there is weight decay.
      const adapting = decayed ? { adapting: names.length } : {};
      lambStep(graph, { parameters, direction: gradients, rateFactor, ...adapting }, stepped, norm);
    }
  }
  if (ema && optimizer !== "adamw")
    movingAverage(graph, { values: run(WEIGHTS, all), average: run(AVERAGE, all) }, stepped, norm);
  if (ema && buffers.size > 0) averageBuffers(graph, buffers, stepped, norm);
  fill(graph, gradients, 0);
  return graph;
}

function averageBuffers(
  graph: GraphBuilder,
  buffers: ParameterShapes,
  settings: TensorId,
  norm: TensorId,
): void {
  const names = [...buffers.keys()];
  const count = [...buffers.values()].reduce((sum, shape) => sum + elementCount(shape), 0);
  const run = (store: string) => graph.stored(store, names[0], [count], names.at(-1));
  movingAverage(graph, { values: run(BUFFERS), average: run(AVERAGE_BUFFERS) }, settings, norm);
}

function unscaledSettings(graph: GraphBuilder, settings: TensorId, norm: TensorId): TensorId {
  const state = storedLossScale(graph);
  const { unscaled, report } = updateLossScale(graph, state, { settings, norm }, LOSS_SCALE_RULE);
  graph.output("report", report);
  return unscaled;
}
