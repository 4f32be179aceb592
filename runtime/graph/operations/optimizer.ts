// Optimizer: AdamW with the moving average, SGD and LAMB over whole runs of the stores, and the global norm they clip by.

import type { GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";

/**
 * The settings of one AdamW step in the order in which every executor's kernels read them, float64 each. The build
 * writes the kernels' constants from this list. biasCorrection1 and 2 are 1 − β^step; step counts from 1; clipNorm 0 =
 * no clipping.
 */
export const ADAMW_SETTINGS = [
  "learningRate",
  "weightDecay",
  "beta1",
  "beta2",
  "epsilon",
  "biasCorrection1",
  "biasCorrection2",
  "gradientScale",
  "clipNorm",
  "emaDecay",
  "step",
  "momentum",
] as const;

export type AdamWSetting = (typeof ADAMW_SETTINGS)[number];

/** Place of a setting in the array. */
export function adamWPlace(setting: AdamWSetting): number {
  return ADAMW_SETTINGS.indexOf(setting);
}

/** An array of settings by name. */
export function namedSettings(settings: Float64Array): Record<AdamWSetting, number> {
  const entries = ADAMW_SETTINGS.map((name, place) => [name, settings[place]]);
  return Object.fromEntries(entries) as Record<AdamWSetting, number>;
}

export interface AdamWRun {
  gradients: TensorId;
  parameters: TensorId;
  firstMoment: TensorId;
  secondMoment: TensorId;
  /** The exponential moving average of the parameters. */
  average?: TensorId;
  /** Whether weight decay applies to this run. */
  decayed: boolean;
  /** Factor on the learning rate. Default 1. */
  rateFactor?: number;
}

/** gradients → norm float64 [1]: the sum of squares, in double. */
export function sumOfSquares(graph: GraphBuilder, gradients: TensorId, name: string): TensorId {
  const y = graph.activation(name, [1], "float64");
  graph.add("sumOfSquares", { reads: { x: gradients }, writes: { y } });
  return y;
}

/** A run of `tensors` of a store's tensors → float64 [tensors]: the sum of squares of each, in double. */
function tensorSquares(graph: GraphBuilder, run: TensorId, tensors: number, name: string): TensorId {
  const y = graph.activation(name, [tensors], "float64");
  graph.add("tensorSquares", { reads: { x: run }, writes: { y } });
  return y;
}

/** One step over a run; settings float64 [12]. Nothing changes where `norm` is not finite. torch.optim.AdamW. */
export function adamW(graph: GraphBuilder, run: AdamWRun, settings: TensorId, norm: TensorId): void {
  const { gradients, parameters, firstMoment, secondMoment, average, decayed, rateFactor = 1 } = run;
  graph.add("adamW", {
    reads: { gradients, settings, norm },
    writes: {},
    adds: { parameters, firstMoment, secondMoment, average },
    attributes: { decayed, rateFactor },
  });
}

/**
 * A step of SGD with Nesterov momentum (torch.optim.SGD) over a run, whose momentum buffer is `firstMoment`; no average.
 * Nothing changes where `norm` is not finite.
 */
export function sgd(
  graph: GraphBuilder,
  run: Omit<AdamWRun, "secondMoment" | "average">,
  settings: TensorId,
  norm: TensorId,
): void {
  const { gradients, parameters, firstMoment, decayed, rateFactor = 1 } = run;
  graph.add("sgd", {
    reads: { gradients, settings, norm },
    writes: {},
    adds: { parameters, firstMoment },
    attributes: { decayed, rateFactor },
  });
}

/**
 * The moments of a LAMB step (arXiv 1904.00962, timm's Lamb) over a run; its direction replaces the gradients. Nothing
 * changes where `norm` is not finite.
 */
export function lambDirection(
  graph: GraphBuilder,
  run: Omit<AdamWRun, "average" | "rateFactor">,
  settings: TensorId,
  norm: TensorId,
): void {
  const { gradients, parameters, firstMoment, secondMoment, decayed } = run;
  graph.add("lambDirection", {
    reads: { parameters, settings, norm },
    writes: {},
    adds: { gradients, firstMoment, secondMoment },
    attributes: { decayed },
  });
}

/**
 * parameters −= learningRate·trust·direction over a run. `adapting`: the number of its tensors, of each of which trust
 * is the ratio of the norms of parameters and direction; absent: trust is 1. Nothing changes where `norm` is not finite.
 */
export function lambStep(
  graph: GraphBuilder,
  run: { parameters: TensorId; direction: TensorId; adapting?: number; rateFactor?: number },
  settings: TensorId,
  norm: TensorId,
): void {
  const { parameters, direction, adapting, rateFactor = 1 } = run;
  const squares =
    adapting === undefined
      ? {}
      : {
          parameterSquares: tensorSquares(graph, parameters, adapting, "parameter squares"),
          directionSquares: tensorSquares(graph, direction, adapting, "direction squares"),
        };
  graph.add("lambStep", {
    reads: { direction, settings, norm, ...squares },
    writes: {},
    adds: { parameters },
    attributes: { rateFactor },
  });
}

/**
 * The average over a run of values that no gradient changes, such as batch norm's running statistics; settings float64
 * [12]. Nothing changes where `norm` is not finite.
 */
export function movingAverage(
  graph: GraphBuilder,
  { values, average }: { values: TensorId; average: TensorId },
  settings: TensorId,
  norm: TensorId,
): void {
  graph.add("movingAverage", { reads: { values, settings, norm }, writes: {}, adds: { average } });
}

/** y = value everywhere. */
export function fill(graph: GraphBuilder, y: TensorId, value: number): void {
  graph.add("fill", { reads: {}, writes: { y }, attributes: { value } });
}
