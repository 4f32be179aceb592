// Encode convolution: the instructions of convolutional networks. encode.ts has the others and joins both tables.

import { Opcode } from "../../../assembly/nn/opcodes.js";
import type { OperationOf, OperationType } from "../../graph/catalog.js";
import type { TensorId } from "../../graph/tensor.js";
import type { Operands } from "./operands.js";
import { floatBits, type TapeWriter } from "./tape-writer.js";

export type Encoder<T extends OperationType> = (
  tape: TapeWriter,
  at: Operands,
  operation: OperationOf<T>,
) => void;

type Convolutional =
  | "conv2d"
  | "conv2dInputGradient"
  | "conv2dWeightGradient"
  | "batchNorm"
  | "batchNormBackward"
  | "relu"
  | "reluBackward"
  | "sigmoid"
  | "sigmoidBackward"
  | "globalAveragePool"
  | "globalAveragePoolBackward"
  | "scaleChannels"
  | "scaleChannelsGradient";

export const CONVOLUTION_ENCODERS: { readonly [T in Convolutional]: Encoder<T> } = {
  conv2d: (tape, at, { reads, writes, attributes }) => {
    const tensors = [reads.x, reads.weight, reads.bias, writes.y, writes.scratch].map((id) => at.at(id));
    tape.instruction(
      Opcode.Conv2d,
      ...tensors,
      ...convolutionSizes(at, reads.x, reads.weight, writes.scratch, attributes),
    );
  },
  conv2dInputGradient: (tape, at, { reads, writes, attributes }) => {
    const tensors = [reads.dy, reads.weight, writes.dx, writes.scratch].map((id) => at.at(id));
    tape.instruction(
      Opcode.Conv2dInputGradient,
      ...tensors,
      ...convolutionSizes(at, writes.dx, reads.weight, writes.scratch, attributes),
    );
  },
  conv2dWeightGradient: (tape, at, { reads, writes, adds, attributes }) => {
    const tensors = [reads.dy, reads.x, adds.weight, adds.bias, writes.scratch].map((id) => at.at(id));
    tape.instruction(
      Opcode.Conv2dWeightGradient,
      ...tensors,
      ...convolutionSizes(at, reads.x, adds.weight, writes.scratch, attributes),
    );
  },
  batchNorm: (tape, at, { reads, writes, adds, attributes }) => {
    const { runningMean, runningVariance } = adds;
    const tensors = [reads.x, reads.weight, reads.bias, writes.y, writes.mean, writes.rstd];
    const addresses = [...tensors, runningMean, runningVariance].map((id) => at.at(id));
    const factors = [floatBits(attributes.epsilon), floatBits(attributes.momentum)];
    tape.instruction(Opcode.BatchNorm, ...addresses, at.rows(reads.x), at.axis(reads.x, -1), ...factors);
  },
  batchNormBackward: (tape, at, { reads, writes, adds }) => {
    const { dy, x, weight, mean, rstd } = reads;
    const tensors = [dy, x, weight, mean, rstd, writes.dx, adds.weight, adds.bias, writes.scratch];
    tape.instruction(Opcode.BatchNormBackward, ...tensors.map((id) => at.at(id)), at.rows(x), at.axis(x, -1));
  },
  relu: (tape, at, { reads, writes }) => {
    tape.instruction(Opcode.Relu, at.at(reads.x), at.at(writes.y), at.count(reads.x));
  },
  reluBackward: (tape, at, { reads, writes }) => {
    const { y, dy } = reads;
    tape.instruction(Opcode.ReluBackward, at.at(y), at.at(dy), at.at(writes.dx), at.count(y));
  },
  sigmoid: (tape, at, { reads, writes }) => {
    tape.instruction(Opcode.Sigmoid, at.at(reads.x), at.at(writes.y), at.count(reads.x));
  },
  sigmoidBackward: (tape, at, { reads, writes }) => {
    const { y, dy } = reads;
    tape.instruction(Opcode.SigmoidBackward, at.at(y), at.at(dy), at.at(writes.dx), at.count(y));
  },
  globalAveragePool: (tape, at, { reads, writes }) => {
    const sizes = mapSizes(at, reads.x);
    tape.instruction(Opcode.GlobalAveragePool, at.at(reads.x), at.at(writes.y), ...sizes);
  },
  globalAveragePoolBackward: (tape, at, { reads, writes }) => {
    const sizes = mapSizes(at, writes.dx);
    tape.instruction(Opcode.GlobalAveragePoolBackward, at.at(reads.dy), at.at(writes.dx), ...sizes);
  },
  scaleChannels: (tape, at, { reads, writes }) => {
    const { x, scale } = reads;
    tape.instruction(Opcode.ScaleChannels, at.at(x), at.at(scale), at.at(writes.y), ...mapSizes(at, x));
  },
  scaleChannelsGradient: (tape, at, { reads, writes }) => {
    const { dy, x } = reads;
    const tensors = [at.at(dy), at.at(x), at.at(writes.dScale)];
    tape.instruction(Opcode.ScaleChannelsGradient, ...tensors, ...mapSizes(at, x));
  },
};

interface Attributes {
  stride: number;
  padding: number;
  groups: number;
}

/** B, H, W, I, O, K, stride, padding, groups, chunk; x [B,H,W,I], weight [O,K,K,I/G]. */
function convolutionSizes(
  at: Operands,
  x: TensorId,
  weight: TensorId,
  scratch: TensorId,
  { stride, padding, groups }: Attributes,
): number[] {
  const image = [0, 1, 2, 3].map((axis) => at.axis(x, axis));
  return [...image, at.axis(weight, 0), at.axis(weight, 1), stride, padding, groups, at.axis(scratch, 0)];
}

/** B, N, C of a feature map [B,…,C]. */
function mapSizes(at: Operands, map: TensorId): number[] {
  const channels = at.axis(map, -1);
  return [at.axis(map, 0), at.perSample(map) / channels, channels];
}
