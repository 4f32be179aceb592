// Convolution: grouped, strided, zero-padded; feature maps and weights have their channels last.

import { VitrineError } from "../../errors.js";
import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { elementCount, expectAxes, expectMultiple, expectShape, type Shape } from "../tensor.js";

/** Stride, padding and groups of a convolution; the same for height and width. */
export interface ConvolutionOptions {
  /** Default 1. */
  stride?: number;
  /** Zeros on each side. Default ⌊K/2⌋, which keeps the size at stride 1. */
  padding?: number;
  /** Default 1. */
  groups?: number;
}

/** Patches that an executor gathers at a time: half a MiB stays in a second-level cache. */
const SCRATCH_VALUES = 131_072;
const MIN_PIXELS = 64;

/**
 * Convolution with a square K×K kernel, channels last: x [batch, height, width, inputs], weight
 * [outputs, K, K, inputs/groups], bias? [outputs] → y [batch, ⌊(height + 2·padding − K)/stride⌋ + 1, …, outputs].
 * torch.nn.functional.conv2d, whose feature maps and weights have their channels second. Throws `graph/shape`.
 */
export function conv2d(
  graph: GraphBuilder,
  x: TensorId,
  weight: TensorId,
  bias: TensorId | undefined,
  options: ConvolutionOptions,
  name: string,
): TensorId {
  expectAxes(`conv2d ${name} x`, graph.shapeOf(x), 4);
  expectAxes(`conv2d ${name} weight`, graph.shapeOf(weight), 4);
  const [batch, height, width, inputs] = graph.shapeOf(x) as [number, number, number, number];
  const [outputs, kernel] = graph.shapeOf(weight) as [number, number];
  const { stride = 1, padding = kernel >> 1, groups = 1 } = options;
  expectMultiple(`conv2d ${name} inputs by groups`, inputs, groups);
  expectMultiple(`conv2d ${name} outputs by groups`, outputs, groups);
  expectShape(`conv2d ${name} weight`, graph.shapeOf(weight), [outputs, kernel, kernel, inputs / groups]);
  if (bias !== undefined) expectShape(`conv2d ${name} bias`, graph.shapeOf(bias), [outputs]);
  const size = (side: number) => {
    const steps = side + 2 * padding - kernel;
    if (steps < 0)
      throw new VitrineError(
        "graph/shape",
        `conv2d ${name}: a kernel of ${kernel} is larger than ${side} pixels with ${padding} of padding: larger images, or more padding`,
      );
    return Math.floor(steps / stride) + 1;
  };
  const shape = [batch, size(height), size(width), outputs];
  const y = graph.activation(name, shape);
  const scratch = patchScratch(graph, shape, graph.shapeOf(weight), name);
  const attributes = { stride, padding, groups };
  graph.add("conv2d", { reads: { x, weight, bias }, writes: { y, scratch }, attributes });
  return y;
}

/** [output pixels at a time, values of a patch]. */
function patchScratch(graph: GraphBuilder, output: Shape, weight: Shape, name: string): TensorId {
  const pixels = elementCount(output.slice(0, 3));
  const depth = elementCount(weight.slice(1));
  const wanted = Math.max(MIN_PIXELS, Math.floor(SCRATCH_VALUES / depth));
  return graph.activation(`${name}.patches`, [Math.min(pixels, wanted), depth]);
}

/** dWeight += dyᵀ·patches, dBias += Σ dy; dx from dy·weight, patch by patch. */
export const conv2dGradient: GradientRule<"conv2d"> = (sweep, { reads, writes, attributes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const { x, weight, bias } = reads;
  const { graph } = sweep;
  const scratch = () => patchScratch(graph, graph.shapeOf(dy), graph.shapeOf(weight), graph.tensor(x).name);
  if (sweep.wants(weight)) {
    const adds = {
      dWeight: sweep.accumulator(weight),
      dBias: bias === undefined ? undefined : sweep.accumulator(bias),
    };
    const writes = { scratch: scratch() };
    graph.add("conv2dWeightGradient", { reads: { dy, x }, writes, adds, attributes });
  }
  if (!sweep.wants(x)) return;
  const dx = graph.activation(`d ${graph.tensor(x).name}`, graph.shapeOf(x));
  graph.add("conv2dInputGradient", { reads: { dy, weight }, writes: { dx, scratch: scratch() }, attributes });
  sweep.contribute(x, dx);
};
