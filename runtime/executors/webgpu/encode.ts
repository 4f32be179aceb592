// Encode: a program becomes dispatches; the table gives the kernels of each graph operation.

import { VitrineError } from "../../errors.js";
import type { OperationOf, OperationType } from "../../graph/catalog.js";
import type { Program } from "../../graph/program.js";
import type { TensorId } from "../../graph/tensor.js";
import type { Slice } from "./device.js";
import { type Dispatch, elementGrid, floatBits, foldedGrid } from "./dispatch.js";
import { adamW, fill, lambDirection, movingAverage, sgd, sumOfSquares } from "./kernels/adamw.js";
import { attention, attentionBackward } from "./kernels/attention.js";
import {
  globalAveragePool,
  globalAveragePoolBackward,
  scaleChannels,
  scaleChannelsGradient,
} from "./kernels/channels.js";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "./kernels/conv2d.js";
import { lambStep, tensorSquares } from "./kernels/lamb.js";
import { layerNormWeightGradient } from "./kernels/layer-norm.js";
import { layerScaleGradient } from "./kernels/layer-scale.js";
import { linear, linearInputGradient, linearWeightGradient } from "./kernels/linear.js";
import type { Operands, Scratch } from "./operands.js";

type Encoder<T extends OperationType> = (
  operation: OperationOf<T>,
  at: Operands,
  scratch: Scratch,
) => Dispatch[];

/** The dispatches of a program in order. Throws `device/unsupported`, and `graph/memory` as `Operands.at`. */
export function encodeProgram(program: Program, at: Operands, scratch: Scratch): Dispatch[] {
  return program.graph.operations.flatMap((operation) => {
    if (isRefused(operation.type)) {
      const remedy = REFUSED[operation.type];
      throw new VitrineError(
        "device/unsupported",
        `${program.name}: operation ${operation.type} has no kernel on device webgpu: ${remedy}`,
      );
    }
    // The table pairs every type with the encoder of that type; TypeScript cannot see it through the union.
    const encode = ENCODERS[operation.type] as Encoder<OperationType>;
    return encode(operation, at, scratch);
  });
}

/** Operations that this executor refuses, and what to do instead. */
const REFUSED = {
  linearInt8: "use --device wasm, or --dtype f32",
} as const satisfies { readonly [T in OperationType]?: string };

type Refused = keyof typeof REFUSED;

function isRefused(type: OperationType): type is Refused {
  return Object.hasOwn(REFUSED, type);
}

/** Every other operation: one that is new in the catalog does not compile until it is here or refused. */
const ENCODERS: { readonly [T in Exclude<OperationType, Refused>]: Encoder<T> } = {
  patchifyBytes: ({ reads, writes, attributes }, at) => [
    perElement("patchify-bytes", at, writes.patches, { ...reads, ...writes }, [
      at.axis(reads.pixels, 1),
      attributes.patchSize,
    ]),
  ],
  patchifyImage: ({ reads, writes, attributes }, at) => [
    perElement("patchify-image", at, writes.patches, { ...reads, ...writes }, [
      at.axis(reads.image, 2),
      attributes.patchSize,
    ]),
  ],
  linear: (operation, at) => [linear(operation, at)],
  linearInputGradient: (operation, at) => [linearInputGradient(operation, at)],
  linearWeightGradient: (operation, at, scratch) => linearWeightGradient(operation, at, scratch),
  layerNorm: ({ reads, writes, attributes }, at) => {
    const { y, mean, rstd } = writes;
    const numbers = [at.axis(reads.x, -1), floatBits(attributes.epsilon), mean === undefined ? 0 : 1];
    return [perRow("layer-norm", at, at.rows(reads.x), { ...reads, y, mean, rstd }, numbers)];
  },
  layerNormBackward: (operation, at, scratch) => {
    const { reads, writes } = operation;
    const numbers = [at.axis(reads.x, -1), reads.residual === undefined ? 0 : 1];
    // The sums first: dx may overwrite dy.
    return [
      ...layerNormWeightGradient(operation, at, scratch),
      perRow("layer-norm-backward", at, at.rows(reads.x), { ...reads, dx: writes.dx }, numbers),
    ];
  },
  attention: (operation, at) => [attention(operation, at)],
  attentionBackward: (operation, at, scratch) => attentionBackward(operation, at, scratch),
  gelu: ({ reads, writes }, at) => [perElement("gelu", at, reads.x, { ...reads, ...writes })],
  geluBackward: ({ reads, writes }, at) => [
    perElement("gelu-backward", at, reads.x, { ...reads, ...writes }),
  ],
  scaledSum: ({ reads, writes, attributes }, at) => {
    const factors = [floatBits(attributes.alpha), floatBits(attributes.beta)];
    return [perElement("scaled-sum", at, reads.a, { ...reads, ...writes }, factors)];
  },
  accumulate: ({ reads, adds }, at) => {
    const operands = { a: adds.sum, b: reads.values, y: adds.sum };
    return [perElement("scaled-sum", at, reads.values, operands, [floatBits(1), floatBits(1)])];
  },
  scaleRows: ({ reads, writes }, at) => [
    perElement("scale-rows", at, reads.x, { ...reads, ...writes }, [at.perSample(reads.x)]),
  ],
  residual: ({ reads, writes }, at) => {
    const { x, branch, scale } = reads;
    const numbers = [at.perSample(x), scale === undefined ? 0 : 1];
    return [perElement("residual", at, x, { x, branch, scale, y: writes.y }, numbers)];
  },
  layerScale: ({ reads, writes }, at) => [
    perElement("layer-scale", at, reads.x, { ...reads, ...writes }, [at.axis(reads.x, -1)]),
  ],
  layerScaleGradient,
  assembleTokens: ({ reads, writes }, at) => {
    const { patches, classToken, distillationToken, registers, position } = reads;
    const [tokens, width] = [at.axis(writes.y, 1), at.axis(writes.y, 2)];
    const sizes = tokenSizes(tokens - at.axis(patches, 1), reads.classToken, reads.distillationToken);
    const numbers = [tokens, width, ...sizes, tokens - at.rows(position)];
    const operands = { patches, classToken, distillationToken, registers, position, y: writes.y };
    return [perElement("assemble-tokens", at, writes.y, operands, numbers)];
  },
  assembleTokensBackward: ({ reads, writes, adds }, at) => {
    const [batch, tokens, width] = [at.axis(reads.dy, 0), at.axis(reads.dy, 1), at.axis(reads.dy, 2)];
    const operands = slices(at, { ...reads, ...writes, ...adds });
    const count = tokens * width;
    const prefix = tokens - at.axis(writes.dPatches, 1);
    const sizes = tokenSizes(prefix, adds.dClassToken, adds.dDistillationToken);
    const numbers = [count, batch, tokens, width, ...sizes, tokens - at.rows(adds.dPosition)];
    return [{ kernel: "assemble-tokens-backward", operands, numbers, grid: elementGrid(count) }];
  },
  selectToken: ({ reads, writes, attributes }, at) => {
    const [tokens, width] = [at.axis(reads.x, 1), at.axis(reads.x, 2)];
    const numbers = [tokens, width, attributes.token, at.rows(writes.y) / at.axis(reads.x, 0)];
    return [perElement("select-token", at, writes.y, { ...reads, ...writes }, numbers)];
  },
  selectTokenBackward: ({ reads, writes, attributes }, at) => {
    const [tokens, width] = [at.axis(writes.dx, 1), at.axis(writes.dx, 2)];
    const numbers = [tokens, width, attributes.token, at.rows(reads.dy) / at.axis(writes.dx, 0)];
    return [perElement("select-token-backward", at, writes.dx, { ...reads, ...writes }, numbers)];
  },
  selectTwoTokensBackward: ({ reads, writes }, at) => {
    const numbers = [at.axis(writes.dx, 1), at.axis(writes.dx, 2)];
    return [perElement("select-two-tokens-backward", at, writes.dx, { ...reads, ...writes }, numbers)];
  },
  softTargetCrossEntropy: (operation, at) => [loss("soft-target-cross-entropy", operation, at)],
  softTargetCrossEntropyBackward: (operation, at) => [loss("soft-target-cross-entropy", operation, at)],
  binaryCrossEntropy: (operation, at) => [loss("binary-cross-entropy", operation, at)],
  binaryCrossEntropyBackward: (operation, at) => [loss("binary-cross-entropy", operation, at)],
  hardDistillation: (operation, at) => [loss("hard-distillation", operation, at)],
  hardDistillationBackward: (operation, at) => [loss("hard-distillation", operation, at)],
  softDistillation: (operation, at) => [
    loss("soft-distillation", operation, at, [floatBits(operation.attributes.tau)]),
  ],
  softDistillationBackward: (operation, at) => [
    loss("soft-distillation", operation, at, [floatBits(operation.attributes.tau)]),
  ],
  dot: ({ reads, writes }, at) => [perRow("dot", at, 1, { ...reads, ...writes }, [at.count(reads.a)])],
  scaleByScalar: ({ reads, writes }, at) => [
    perElement("scale-by-scalar", at, reads.x, { ...reads, ...writes }),
  ],
  fill: (operation, at) => fill(operation, at),
  tensorSquares: (operation, at, scratch) => tensorSquares(operation, at, scratch),
  sumOfSquares: (operation, at, scratch) => sumOfSquares(operation, at, scratch),
  updateLossScale: ({ reads, writes, adds, attributes }, at) => {
    const operands = slices(at, { ...reads, ...writes, ...adds });
    const { growth, backoff, interval } = attributes;
    const numbers = [floatBits(growth), floatBits(backoff), floatBits(interval), 0];
    return [{ kernel: "loss-scale", operands, numbers, grid: [1, 1, 1] }];
  },
  adamW: (operation, at) => adamW(operation, at),
  sgd: (operation, at) => sgd(operation, at),
  lambDirection: (operation, at) => lambDirection(operation, at),
  lambStep: (operation, at) => lambStep(operation, at),
  movingAverage: (operation, at) => movingAverage(operation, at),
  conv2d: (operation, at) => [conv2d(operation, at)],
  conv2dInputGradient: (operation, at) => [conv2dInputGradient(operation, at)],
  conv2dWeightGradient: (operation, at) => [conv2dWeightGradient(operation, at)],
  batchNorm: ({ reads, writes, adds, attributes }, at) => {
    const settings = [floatBits(attributes.epsilon), floatBits(attributes.momentum)];
    const numbers = [at.rows(reads.x), ...settings, adds.runningMean === undefined ? 0 : 1];
    const operands = { ...reads, ...writes, ...adds };
    return [perRow("batch-norm", at, at.axis(reads.x, -1), operands, numbers)];
  },
  foldBatchNorm: ({ reads, writes, attributes }, at) => {
    const perOutput = at.count(reads.weight) / at.count(reads.gamma);
    const numbers = [perOutput, floatBits(attributes.epsilon)];
    return [perElement("fold-batch-norm", at, reads.weight, { ...reads, ...writes }, numbers)];
  },
  batchNormBackward: ({ reads, writes, adds }, at) => {
    const operands = { ...reads, dx: writes.dx, ...adds };
    return [perRow("batch-norm-backward", at, at.axis(reads.x, -1), operands, [at.rows(reads.x)])];
  },
  relu: ({ reads, writes }, at) => [perElement("relu", at, reads.x, { ...reads, ...writes })],
  reluBackward: ({ reads, writes }, at) => [
    perElement("relu-backward", at, reads.y, { ...reads, ...writes }),
  ],
  sigmoid: ({ reads, writes }, at) => [perElement("sigmoid", at, reads.x, { ...reads, ...writes })],
  swapHalves: ({ reads, writes }, at) => [perElement("swap-halves", at, reads.x, { ...reads, ...writes })],
  sigmoidBackward: ({ reads, writes }, at) => [
    perElement("sigmoid-backward", at, reads.y, { ...reads, ...writes }),
  ],
  globalAveragePool: (operation, at) => [globalAveragePool(operation, at)],
  globalAveragePoolBackward: (operation, at) => [globalAveragePoolBackward(operation, at)],
  scaleChannels: (operation, at) => [scaleChannels(operation, at)],
  scaleChannelsGradient: (operation, at) => [scaleChannelsGradient(operation, at)],
};

/** Tokens before the patches: all, then how many of them are class and distillation token. */
function tokenSizes(prefix: number, classToken?: TensorId, distillationToken?: TensorId): number[] {
  return [prefix, classToken === undefined ? 0 : 1, distillationToken === undefined ? 0 : 1];
}

type Ids = Readonly<Record<string, TensorId | undefined>>;

function slices(at: Operands, ids: Ids): Record<string, Slice | undefined> {
  return Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, at.at(id)]));
}

/** A kernel with one invocation for each value of `counted`; the count is the first of its numbers. */
function perElement(
  kernel: Dispatch["kernel"],
  at: Operands,
  counted: TensorId,
  ids: Ids,
  numbers: readonly number[] = [],
): Dispatch {
  const count = at.count(counted);
  return { kernel, operands: slices(at, ids), numbers: [count, ...numbers], grid: elementGrid(count) };
}

/** A kernel with one workgroup for each row; the number of rows is the first of its numbers. */
function perRow(
  kernel: Dispatch["kernel"],
  at: Operands,
  rows: number,
  ids: Ids,
  numbers: readonly number[],
): Dispatch {
  return { kernel, operands: slices(at, ids), numbers: [rows, ...numbers], grid: foldedGrid(rows) };
}

/** A loss, its gradient or both: logits [rows, classes] and the targets or teacher's logits. */
function loss(
  kernel: Dispatch["kernel"],
  { reads, writes }: { reads: Ids & { logits: TensorId }; writes: Ids },
  at: Operands,
  numbers: readonly number[] = [],
): Dispatch {
  const [rows, classes] = [at.axis(reads.logits, 0), at.axis(reads.logits, 1)];
  const constants = {
    LOSS: writes.loss === undefined ? 0 : 1,
    GRADIENT: writes.dLogits === undefined ? 0 : 1,
  };
  return { ...perRow(kernel, at, rows, { ...reads, ...writes }, [classes, ...numbers]), constants };
}
