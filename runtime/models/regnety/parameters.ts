// RegNetY parameters: name and shape of every tensor in timm's order, the sizes that follow from shapes, and the layout
// that kernels read.
//
// Convolutions compute with channels last: a patch is then K·K runs of consecutive values, and a 1×1 convolution the
// matrix of a linear layer. PyTorch's [O,I,K,K] is transposed to [O,K,K,I] once, when a model is loaded.

import { quote, VitrineError } from "../../errors.js";
import { elementCount } from "../../graph/tensor.js";
import type { NamedTensor, TensorMap } from "../../weights/tensor-map.js";
import { checkRegnety, groupWidthOf, type RegnetyConfig, type RegnetyStage, squeezeWidth } from "./config.js";
import { fromHuggingFaceNames, isHuggingFace } from "./key-map.js";

/** A convolution with its batch norm: tensors `NAME.conv.…` and `NAME.bn.…`. */
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
  /** The shortcut, where the shape changes. */
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

/** timm name → shape with PyTorch's axes, batch norm's running statistics included. Throws `model/config`. */
export function regnetyParameters(config: RegnetyConfig): Map<string, number[]> {
  checkRegnety(config);
  const shapes = new Map<string, number[]>();
  const unit = ({ name, inputs, outputs, kernel, groups }: ConvolutionUnit) => {
    shapes.set(`${name}.conv.weight`, [outputs, inputs / groups, kernel, kernel]);
    for (const part of ["weight", "bias", "running_mean", "running_var"])
      shapes.set(`${name}.bn.${part}`, [outputs]);
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
  const width = (config.stages.at(-1) as RegnetyStage).width;
  shapes.set("head.fc.weight", [config.classes, width]);
  shapes.set("head.fc.bias", [config.classes]);
  return shapes;
}

/** The convolution that only a RegNet's checkpoint starts with. */
const STEM = /^(model\.)?stem\.conv\.weight$/;

/** Whether tensors of these names are a RegNetY, wrapped or not, under timm's or transformers' names. */
export function hasStem(names: Iterable<string>): boolean {
  const all = [...names];
  return isHuggingFace(all) || all.some((name) => STEM.test(name));
}

/**
 * Tensors under transformers' names get timm's. Facebook's file keeps its tensors below "model", and a conversion to
 * safetensors may have kept that prefix: it is removed where every name has it. Throws `weights/unknown-tensor`.
 */
export function toTimmNames(tensors: TensorMap, subject: string): TensorMap {
  if (isHuggingFace(tensors.keys())) return fromHuggingFaceNames(tensors, subject);
  const prefix = "model.";
  if (![...tensors.keys()].every((name) => name.startsWith(prefix))) return tensors;
  return new Map(Array.from(tensors, ([name, tensor]) => [name.slice(prefix.length), tensor]));
}

const FIRST_OF_BLOCK = /^s(\d+)\.b(\d+)\.conv1\.conv\.weight$/;

/**
 * Tensors under timm's names → stages, widths, groups, squeeze and, of a model with a head, classes. The image size does
 * not follow from the shapes. Throws `weights/missing-tensor` where a tensor that a size is read from is missing.
 */
export function regnetyFromShapes(tensors: TensorMap, subject: string): Partial<RegnetyConfig> {
  const stages: RegnetyStage[] = [];
  for (const [name, { shape }] of tensors) {
    const [, stage, block] = FIRST_OF_BLOCK.exec(name) ?? [];
    if (stage === undefined) continue;
    const depth = Math.max(stages[Number(stage) - 1]?.depth ?? 0, Number(block));
    stages[Number(stage) - 1] = { width: shape[0], depth };
  }
  for (let stage = 0; stage < stages.length || stage === 0; stage++)
    if (!stages[stage]) firstAxis(tensors, `s${stage + 1}.b1.conv1.conv.weight`, subject);
  const stemWidth = firstAxis(tensors, "stem.conv.weight", subject);
  const head = tensors.get("head.fc.weight");
  const groups = stages.map((_, stage) => tensors.get(`s${stage + 1}.b1.conv2.conv.weight`)?.shape[1] ?? 1);
  return {
    stemWidth,
    stages,
    groupWidth: Math.max(...groups),
    seRatio: firstAxis(tensors, "s1.b1.se.fc1.weight", subject) / stemWidth,
    ...(head && { classes: head.shape[0] }),
  };
}

function firstAxis(tensors: TensorMap, name: string, subject: string): number {
  const size = tensors.get(name)?.shape[0];
  if (size !== undefined) return size;
  throw new VitrineError(
    "weights/missing-tensor",
    `${subject}: not a RegNetY: tensor "${quote(name)}" is missing`,
    {
      details: { file: subject, tensor: name },
    },
  );
}

/** The shape that kernels read: [O,I,K,K] → [O,K,K,I], others unchanged. */
export function channelsLastShape(shape: readonly number[]): number[] {
  const [outputs = 0, inputs = 0, height = 0, width = 0] = shape;
  return shape.length === 4 ? [outputs, height, width, inputs] : [...shape];
}

/** [outer, rows, columns] → [outer, columns, rows]. */
function transposed(data: Float32Array, outer: number, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let o = 0, to = 0; o < outer; o++)
    for (let column = 0; column < columns; column++)
      for (let row = 0; row < rows; row++) result[to++] = data[(o * rows + row) * columns + column];
  return result;
}

/** PyTorch's axes → those that kernels read. */
export function toChannelsLast({ shape, data }: NamedTensor): NamedTensor {
  if (shape.length !== 4) return { shape, data };
  const [outputs, inputs] = shape;
  const area = elementCount(shape.slice(2));
  return {
    shape: channelsLastShape(shape),
    data: area === 1 ? data : transposed(data, outputs, inputs, area),
  };
}

/** Back to PyTorch's axes, `shape`. */
export function fromChannelsLast(data: Float32Array, shape: readonly number[]): NamedTensor {
  const [outputs = 1, inputs = 1, ...area] = shape;
  const isTransposed = shape.length === 4 && elementCount(area) > 1;
  const values = isTransposed ? transposed(data, outputs, elementCount(area), inputs) : data;
  return { shape: [...shape], data: values };
}
