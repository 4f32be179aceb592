// Encode optimizer: the operations on whole runs of the stores, as instructions.

import { Opcode } from "../../../assembly/nn/opcodes.js";
import type { Encoder } from "./encode-convolution.js";
import { floatBits } from "./tape-writer.js";

type Optimizer = "fill" | "sumOfSquares" | "updateLossScale" | "adamW";

export const OPTIMIZER_ENCODERS: { readonly [T in Optimizer]: Encoder<T> } = {
  fill: (tape, at, { writes, attributes }) => {
    tape.instruction(Opcode.Fill, at.at(writes.y), at.count(writes.y), floatBits(attributes.value));
  },
  sumOfSquares: (tape, at, { reads, writes }) => {
    tape.instruction(Opcode.SumOfSquares, at.at(reads.x), at.at(writes.y), at.count(reads.x));
  },
  updateLossScale: (tape, at, { reads, writes, adds, attributes }) => {
    const { scale, goodSteps, skipped } = adds;
    const tensors = [reads.settings, reads.norm, writes.unscaled, writes.report, scale, goodSteps, skipped];
    const { growth, backoff, interval } = attributes;
    const rule = [floatBits(growth), floatBits(backoff), interval];
    tape.instruction(Opcode.UpdateLossScale, ...tensors.map((id) => at.at(id)), ...rule);
  },
  adamW: (tape, at, { reads, adds, attributes }) => {
    const { parameters, firstMoment, secondMoment, average } = adds;
    const tensors = [
      parameters,
      reads.gradients,
      firstMoment,
      secondMoment,
      average,
      reads.settings,
      reads.norm,
    ];
    const decayed = attributes.decayed ? 1 : 0;
    tape.instruction(Opcode.AdamW, ...tensors.map((id) => at.at(id)), at.count(parameters), decayed);
  },
};
