// Training graph: the two programs of a step. `accumulate` adds gradients, `apply` uses and clears them.

import { VitrineError } from "../errors.js";
import { differentiate } from "../graph/autodiff.js";
import { GraphBuilder } from "../graph/graph.js";
import { updateLossScale } from "../graph/operations/loss-scale.js";
import { hardDistillation, softDistillation, softTargetCrossEntropy } from "../graph/operations/losses.js";
import { ADAMW_SETTINGS, adamW, fill, movingAverage, sumOfSquares } from "../graph/operations/optimizer.js";
import { dot, scaledSum } from "../graph/operations/sums.js";
import type { Graph, Segment } from "../graph/program.js";
import type { TensorId } from "../graph/tensor.js";
import { elementCount } from "../graph/tensor.js";
import { BUFFERS, type ClassifierHeads, type ImageInput, WEIGHTS } from "../models/family.js";
import type { ParameterShapes } from "../weights/tensor-map.js";
import type { TrainingOptions } from "./contract.js";
import { LOSS_SCALE_RULE, storedLossScale } from "./loss-scale.js";
import type { TrainedFamily } from "./tensors.js";

/** Names of the stores of a training, besides `weights` and `buffers`. */
export const GRADIENTS = "gradients";
export const FIRST_MOMENT = "firstMoment";
export const SECOND_MOMENT = "secondMoment";
export const AVERAGE = "ema";
/** The average of the running statistics in `buffers`. */
export const AVERAGE_BUFFERS = "emaBuffers";

/** The options that the programs depend on. */
export type StepOptions = Pick<
  TrainingOptions,
  | "config"
  | "distillation"
  | "alpha"
  | "tau"
  | "dropPath"
  | "noDecay"
  | "frozen"
  | "ema"
  | "recompute"
  | "lossScaling"
>;

/**
 * Forward, loss, backward for `batch` samples. Inputs: `pixels` (or `image`), `targets` [batch, classes],
 * `sampleWeights` [batch], `teacherLogits` [batch, classes] with distillation, the branch scales with stochastic depth.
 * With `recompute` only the blocks' inputs are kept for the backward pass; with `lossScaling` all gradients are those
 * of the scaled loss. Output `loss` [1] = Σ w·((1−α)·base + α·distillation), losses.py of facebook's deit; without
 * distillation the loss is the class head's alone. With it the outputs `base` and `distillation` [batch], `classLogits`
 * and `distillationLogits` [batch, classes] as well.
 */
export function accumulateGraph(
  { training }: Pick<TrainedFamily, "training">,
  options: StepOptions,
  batch: number,
  input: ImageInput,
): Graph {
  const { config, dropPath } = options;
  const graph = new GraphBuilder("training step");
  const segments: Segment[] = [];
  const onSegment = (segment: Segment) => segments.push(segment);
  const heads = training.addTrained(graph, config, {
    batch,
    input,
    stochasticDepth: dropPath > 0,
    onSegment,
  });
  const targets = graph.input("targets", [batch, config.classes]);
  const sampleWeights = graph.input("sampleWeights", [batch]);
  const base = softTargetCrossEntropy(graph, heads.classLogits, targets);
  const perSample = distilledLoss(graph, options, heads, base);
  const loss = dot(graph, perSample, sampleWeights, "loss");
  graph.output("loss", loss);
  const recompute = options.recompute ? segments : [];
  const seed = options.lossScaling ? storedLossScale(graph).scale : undefined;
  const frozen = new Set(options.frozen);
  differentiate(graph, loss, { parameters: WEIGHTS, frozen, gradients: GRADIENTS, recompute, seed });
  return graph;
}

function distilledLoss(
  graph: GraphBuilder,
  { distillation, alpha, tau }: StepOptions,
  { classLogits, distillationLogits }: ClassifierHeads,
  base: TensorId,
): TensorId {
  if (distillation === "none") return base;
  if (distillationLogits === undefined)
    throw new VitrineError(
      "training/distillation",
      `distillation ${distillation}: the model has no distillation token; ` +
        "take a ..._distilled_... model (--model), or --distillation none",
    );
  const teacher = graph.input("teacherLogits", graph.shapeOf(classLogits));
  const distilled =
    distillation === "hard"
      ? hardDistillation(graph, distillationLogits, teacher)
      : softDistillation(graph, distillationLogits, teacher, tau);
  // The terms per sample and the heads' logits, for what is reported about a step: they cost no operation.
  graph.output("base", base);
  graph.output("distillation", distilled);
  graph.output("classLogits", classLogits);
  graph.output("distillationLogits", distillationLogits);
  return scaledSum(graph, base, distilled, { alpha: 1 - alpha, beta: alpha }, "loss per sample");
}

/** Parameter names by what AdamW does to them. */
export interface ParameterGroups {
  decayed: string[];
  plain: string[];
  /** Frozen, or without a gradient: torch's optimizer skips them, weight decay included. */
  untouched: string[];
}

/** timm's param_groups_weight_decay: no decay for tensors of one dimension, biases and the names in `noDecay`. */
export function parameterGroups(
  family: TrainedFamily,
  shapes: ParameterShapes,
  options: StepOptions,
): ParameterGroups {
  const { config, distillation } = options;
  const noDecay = new Set(options.noDecay ?? family.training.noDecay);
  const [, ...distilledHeads] = family.headNames(config);
  const untrained = distillation === "none" ? distilledHeads : [];
  const frozen = new Set(options.frozen);
  const groups: ParameterGroups = { decayed: [], plain: [], untouched: [] };
  for (const [name, shape] of shapes) {
    const unused = frozen.has(name) || untrained.some((head) => name.startsWith(`${head}.`));
    const plain = shape.length === 1 || name.endsWith(".bias") || noDecay.has(name);
    groups[unused ? "untouched" : plain ? "plain" : "decayed"].push(name);
  }
  return groups;
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
 * one instruction. With `lossScaling` the scale is undone first and then updated, and the output `report` [4] holds it
 * (see `readReport`).
 */
export function applyGraph(
  { shapes, groups, buffers = new Map() }: SteppedTensors,
  { ema, lossScaling = false }: Pick<StepOptions, "ema" | "lossScaling">,
): Graph {
  const graph = new GraphBuilder("optimizer step");
  const run = (store: string, names: readonly string[]) => {
    const count = names.reduce((sum, name) => sum + elementCount(shapes.get(name) ?? []), 0);
    return graph.stored(store, names[0], [count], names.at(-1));
  };
  const settings = graph.input("settings", [ADAMW_SETTINGS.length], "float64");
  const gradients = run(GRADIENTS, [...groups.decayed, ...groups.plain]);
  const norm = sumOfSquares(graph, gradients, "norm");
  graph.output("norm", norm);
  const stepped = lossScaling ? unscaledSettings(graph, settings, norm) : settings;
  for (const decayed of [true, false]) {
    const names = decayed ? groups.decayed : groups.plain;
    if (names.length === 0) continue;
    const operands = {
      gradients: run(GRADIENTS, names),
      parameters: run(WEIGHTS, names),
      firstMoment: run(FIRST_MOMENT, names),
      secondMoment: run(SECOND_MOMENT, names),
      average: ema ? run(AVERAGE, names) : undefined,
      decayed,
    };
    adamW(graph, operands, stepped, norm);
  }
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
