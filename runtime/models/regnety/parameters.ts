// RegNetY parameters: name and shape of every tensor in timm's order, and the order in which values lie while computing.
//
// Convolutions compute with their channels last: a patch is then K·K runs of neighboring values, and a 1×1 convolution
// the matrix of a linear layer. PyTorch's [O,I,K,K] is turned into [O,K,K,I] once, when a model is loaded.

import { elementCount } from "../../graph/shape.js";
import type { NamedTensor, TensorMap } from "../../weights/tensor-map.js";
import { checkRegnety, groupWidthOf, type RegnetyConfig, squeezeWidth } from "./config.js";

/** A convolution with its batch norm, `conv` and `bn` below `name`. */
export interface ConvolutionUnit {
  name: string;
  inputs: number;
  outputs: number;
  kernel: number;
  stride: number;
  groups: number;
}

export interface RegnetyBlock {
  name: string;
  /** 1×1, 3×3 in groups, 1×1. */
  convolutions: [ConvolutionUnit, ConvolutionUnit, ConvolutionUnit];
  /** Channels between the layers of squeeze-and-excitation. */
  squeeze: number;
  /** Where the shape changes. */
  downsample?: ConvolutionUnit;
}

export function stemUnit({ stemWidth }: RegnetyConfig): ConvolutionUnit {
  return { name: "stem", inputs: 3, outputs: stemWidth, kernel: 3, stride: 2, groups: 1 };
}

/** Blocks stage by stage. */
export function regnetyStageBlocks(config: RegnetyConfig): RegnetyBlock[][] {
  let inputs = config.stemWidth;
  return config.stages.map(({ width, depth }, stage) =>
    Array.from({ length: depth }, (_, index) => {
      const block = regnetyBlock(config, `s${stage + 1}.b${index + 1}`, inputs, width, index === 0 ? 2 : 1);
      inputs = width;
      return block;
    }),
  );
}

function regnetyBlock(
  config: RegnetyConfig,
  name: string,
  inputs: number,
  width: number,
  stride: number,
): RegnetyBlock {
  const unit = (part: string, from: number, kernel = 1, step = 1, groups = 1): ConvolutionUnit => ({
    name: `${name}.${part}`,
    inputs: from,
    outputs: width,
    kernel,
    stride: step,
    groups,
  });
  const groups = width / groupWidthOf(config, width);
  return {
    name,
    convolutions: [unit("conv1", inputs), unit("conv2", width, 3, stride, groups), unit("conv3", width)],
    squeeze: squeezeWidth(config, inputs),
    ...((inputs !== width || stride !== 1) && { downsample: unit("downsample", inputs, 1, stride) }),
  };
}

/** Every convolution of the network, in timm's order. */
export function regnetyUnits(config: RegnetyConfig): ConvolutionUnit[] {
  const blocks = regnetyStageBlocks(config).flat();
  const parts = ({ convolutions, downsample }: RegnetyBlock) =>
    downsample ? [...convolutions, downsample] : convolutions;
  return [stemUnit(config), ...blocks.flatMap(parts)];
}

const BUFFERS = ["running_mean", "running_var"] as const;

/** True for what batch norm counts and no gradient changes; `num_batches_tracked` is the third, a whole number. */
export function isBuffer(name: string): boolean {
  return BUFFERS.some((buffer) => name.endsWith(`.${buffer}`));
}

/** timm name → shape with the axes of PyTorch, batch norm's running statistics included. */
export function regnetyParameters(config: RegnetyConfig): Map<string, number[]> {
  checkRegnety(config);
  const shapes = new Map<string, number[]>();
  const unit = ({ name, inputs, outputs, kernel, groups }: ConvolutionUnit) => {
    shapes.set(`${name}.conv.weight`, [outputs, inputs / groups, kernel, kernel]);
    for (const part of ["weight", "bias", ...BUFFERS]) shapes.set(`${name}.bn.${part}`, [outputs]);
  };
  const pointwise = (name: string, outputs: number, inputs: number) => {
    shapes.set(`${name}.weight`, [outputs, inputs, 1, 1]);
    shapes.set(`${name}.bias`, [outputs]);
  };
  unit(stemUnit(config));
  for (const { name, convolutions, squeeze, downsample } of regnetyStageBlocks(config).flat()) {
    const [first, grouped, last] = convolutions;
    unit(first);
    unit(grouped);
    pointwise(`${name}.se.fc1`, squeeze, grouped.outputs);
    pointwise(`${name}.se.fc2`, grouped.outputs, squeeze);
    unit(last);
    if (downsample) unit(downsample);
  }
  const width = config.stages.at(-1)?.width as number;
  shapes.set("head.fc.weight", [config.classes, width]);
  shapes.set("head.fc.bias", [config.classes]);
  return shapes;
}

/** The shape that a tensor computes with: [O,I,K,K] → [O,K,K,I], others as they are. */
export function channelsLastShape(shape: readonly number[]): number[] {
  const [outputs = 0, inputs = 0, height = 0, width = 0] = shape;
  return shape.length === 4 ? [outputs, height, width, inputs] : [...shape];
}

/** Swaps the last axes of [outer, rows, columns]. */
function turned(data: Float32Array, outer: number, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let o = 0, to = 0; o < outer; o++)
    for (let column = 0; column < columns; column++)
      for (let row = 0; row < rows; row++) result[to++] = data[(o * rows + row) * columns + column] as number;
  return result;
}

export function toChannelsLast({ shape, data }: NamedTensor): NamedTensor {
  if (shape.length !== 4) return { shape, data };
  const [outputs, inputs] = shape as [number, number];
  const area = elementCount(shape.slice(2));
  return { shape: channelsLastShape(shape), data: area === 1 ? data : turned(data, outputs, inputs, area) };
}

/** Back to PyTorch's axes; `shapes` are those of `regnetyParameters`. */
export function fromChannelsLast(
  tensors: TensorMap,
  shapes: ReadonlyMap<string, readonly number[]>,
): TensorMap {
  const result: TensorMap = new Map();
  for (const [name, { data }] of tensors) {
    const shape = [...(shapes.get(name) ?? [])];
    const area = elementCount(shape.slice(2));
    const isTurned = shape.length === 4 && area > 1;
    const [outputs, inputs] = shape as [number, number];
    result.set(name, { shape, data: isTurned ? turned(data, outputs, area, inputs) : data });
  }
  return result;
}
