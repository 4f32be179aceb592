// Encode: a program becomes a tape, each operation the instruction of the same name.

import { Activation, Opcode } from "../../../assembly/nn/opcodes.js";
import { VitrineError } from "../../errors.js";
import type { Operation, OperationOf, OperationType } from "../../graph/catalog.js";
import type { Program } from "../../graph/program.js";
import type { TensorId } from "../../graph/tensor.js";
import { CONVOLUTION_ENCODERS, type Encoder } from "./encode-convolution.js";
import { OPTIMIZER_ENCODERS } from "./encode-optimizer.js";
import type { Operands } from "./operands.js";
import type { PackedWeight } from "./packed-weights.js";
import { floatBits, TapeWriter } from "./tape-writer.js";

/** Words of the program at the addresses that `operands` gives, Halt included. */
export function encodeProgram(program: Program, operands: Operands): Uint32Array {
  const tape = new TapeWriter();
  const operationAt = (place: number) =>
    program.graph.operations[program.order[place] as number] as Operation;
  const encodeAt = (place: number) => {
    const operation = operationAt(place);
    // The table pairs every type with the encoder of that type; TypeScript cannot see it through the union.
    const encode = ENCODERS[operation.type] as (tape: TapeWriter, at: Operands, operation: Operation) => void;
    encode(tape, operands, operation);
  };
  for (let place = 0; place < program.order.length; place++) {
    const span = program.spans.find(({ first, last }) => {
      const places = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      return first === place && places.every((each) => isSpanMember(operationAt(each), operands));
    });
    if (!span) encodeAt(place);
    else {
      tape.group(Opcode.Span, [span.rows], () => {
        while (place < span.last) encodeAt(place++);
        encodeAt(place);
      });
    }
  }
  return tape.finish(Opcode.Halt);
}

/** Rows of a span read every weight once for each group of them, which only panels that are there already pay for. */
function isSpanMember(operation: Operation, operands: Operands): boolean {
  if (operation.type !== "linear") return operation.type === "layerNorm";
  return operands.packed(operation.reads.weight) !== undefined;
}

/** What a tape must have done first whenever the weights have changed: their panels. */
export function encodePacking(copies: readonly PackedWeight[]): Uint32Array {
  const tape = new TapeWriter();
  for (const { weight, panels, inputs, outputs } of copies)
    tape.instruction(Opcode.PackWeight, weight, panels.address, inputs, outputs);
  return tape.finish(Opcode.Halt);
}

const ENCODERS: { readonly [T in OperationType]: Encoder<T> } = {
  ...CONVOLUTION_ENCODERS,
  ...OPTIMIZER_ENCODERS,
  patchifyBytes: (tape, at, { reads, writes, attributes }) => {
    const { pixels, table } = reads;
    const sizes = [at.axis(pixels, 0), at.axis(pixels, 1), attributes.patchSize];
    tape.instruction(Opcode.PatchifyBytes, at.at(pixels), at.at(table), at.at(writes.patches), ...sizes);
  },
  patchifyImage: (tape, at, { reads, writes, attributes }) => {
    const sizes = [at.axis(reads.image, 0), at.axis(reads.image, 2), attributes.patchSize];
    tape.instruction(Opcode.PatchifyFloats, at.at(reads.image), at.at(writes.patches), ...sizes);
  },
  linear: (tape, at, operation) => {
    const packed = at.packed(operation.reads.weight);
    const operands = linearOperands(at, operation);
    if (packed) operands[1] = packed.panels.address;
    tape.instruction(packed ? Opcode.LinearPacked : Opcode.Linear, ...operands);
  },
  linearInt8: (tape, at, operation) => {
    const form = at.int8Form(operation.reads.weight);
    tape.instruction(Opcode.LinearInt8, ...linearOperands(at, operation), form);
  },
  linearInputGradient: (tape, at, { reads, writes }) => {
    const { dy, weight } = reads;
    const sizes = [at.rows(dy), at.axis(weight, 1), at.axis(weight, 0)];
    tape.instruction(Opcode.LinearInputGradient, at.at(dy), at.at(weight), at.at(writes.dx), ...sizes);
  },
  linearWeightGradient: (tape, at, { reads, adds }) => {
    const { dy, x } = reads;
    const tensors = [at.at(dy), at.at(x), at.at(adds.weight), at.at(adds.bias)];
    tape.instruction(Opcode.LinearWeightGradient, ...tensors, at.rows(dy), at.axis(x, -1), at.axis(dy, -1));
  },
  layerNorm: (tape, at, { reads, writes, attributes }) => {
    const tensors = [reads.x, reads.weight, reads.bias, writes.y, writes.mean, writes.rstd].map((id) =>
      at.at(id),
    );
    const sizes = [at.rows(reads.x), at.axis(reads.x, -1)];
    tape.instruction(Opcode.LayerNorm, ...tensors, ...sizes, floatBits(attributes.epsilon));
  },
  layerNormBackward: (tape, at, { reads, writes, adds }) => {
    const { dy, x, weight, mean, rstd, residual } = reads;
    const tensors = [dy, x, weight, mean, rstd, residual, writes.dx, adds.weight, adds.bias];
    const sizes = [at.rows(x), at.axis(x, -1)];
    tape.instruction(Opcode.LayerNormBackward, ...tensors.map((id) => at.at(id)), ...sizes);
  },
  attention: (tape, at, { reads, writes, attributes }) => {
    const tensors = [reads.qkv, writes.out, writes.probabilities, writes.logSumExp].map((id) => at.at(id));
    tape.instruction(Opcode.Attention, ...tensors, ...attentionSizes(at, writes.out, attributes.heads));
  },
  attentionBackward: (tape, at, { reads, writes, attributes }) => {
    const { dOut, qkv, out, logSumExp } = reads;
    const tensors = [dOut, qkv, out, logSumExp, writes.dQkv].map((id) => at.at(id));
    tape.instruction(Opcode.AttentionBackward, ...tensors, ...attentionSizes(at, dOut, attributes.heads));
  },
  gelu: (tape, at, { reads, writes }) => {
    tape.instruction(Opcode.Gelu, at.at(reads.x), at.at(writes.y), at.count(reads.x));
  },
  geluBackward: (tape, at, { reads, writes }) => {
    const { x, dy } = reads;
    tape.instruction(Opcode.GeluBackward, at.at(x), at.at(dy), at.at(writes.dx), at.count(x));
  },
  scaledSum: (tape, at, { reads, writes, attributes }) => {
    const factors = [floatBits(attributes.alpha), floatBits(attributes.beta)];
    const { a, b } = reads;
    tape.instruction(Opcode.ScaledSum, at.at(a), at.at(b), at.at(writes.y), at.count(a), ...factors);
  },
  accumulate: (tape, at, { reads, adds }) => {
    const sum = at.at(adds.sum);
    const one = floatBits(1);
    tape.instruction(Opcode.ScaledSum, sum, at.at(reads.values), sum, at.count(reads.values), one, one);
  },
  scaleRows: (tape, at, { reads, writes }) => {
    const { x, scale } = reads;
    const sizes = [at.axis(x, 0), at.perSample(x)];
    tape.instruction(Opcode.ScaleRows, at.at(x), at.at(scale), at.at(writes.y), ...sizes);
  },
  residual: (tape, at, { reads, writes }) => {
    const { x, branch, scale } = reads;
    const tensors = [at.at(x), at.at(branch), at.at(scale), at.at(writes.y)];
    tape.instruction(Opcode.Residual, ...tensors, at.axis(x, 0), at.perSample(x));
  },
  assembleTokens: (tape, at, { reads, writes }) => {
    const { patches, classToken, distillationToken, position } = reads;
    const tensors = [patches, classToken, distillationToken, position, writes.y].map((id) => at.at(id));
    tape.instruction(Opcode.AssembleTokens, ...tensors, ...threeAxes(at, patches));
  },
  assembleTokensBackward: (tape, at, { reads, writes, adds }) => {
    const { classToken, distillationToken, position } = adds;
    const tensors = [reads.dy, writes.dPatches, classToken, distillationToken, position].map((id) =>
      at.at(id),
    );
    tape.instruction(Opcode.AssembleTokensBackward, ...tensors, ...threeAxes(at, writes.dPatches));
  },
  selectToken: (tape, at, { reads, writes, attributes }) => {
    const sizes = [...threeAxes(at, reads.x), attributes.token];
    tape.instruction(Opcode.SelectToken, at.at(reads.x), at.at(writes.y), ...sizes);
  },
  selectTokenBackward: (tape, at, { reads, writes, attributes }) => {
    const sizes = [...threeAxes(at, writes.dx), attributes.token];
    tape.instruction(Opcode.SelectTokenBackward, at.at(reads.dy), at.at(writes.dx), ...sizes);
  },
  selectTwoTokensBackward: (tape, at, { reads, writes }) => {
    const tensors = [at.at(reads.dyFirst), at.at(reads.dySecond), at.at(writes.dx)];
    tape.instruction(Opcode.SelectTwoTokensBackward, ...tensors, ...threeAxes(at, writes.dx));
  },
  softmax: (tape, at, { reads, writes }) => {
    const { x } = reads;
    tape.instruction(Opcode.Softmax, at.at(x), at.at(writes.y), at.rows(x), at.axis(x, -1));
  },
  softTargetCrossEntropy: (tape, at, { reads, writes }) => {
    const { logits, targets } = reads;
    const tensors = [at.at(logits), at.at(targets), at.at(writes.loss)];
    tape.instruction(Opcode.SoftTargetCrossEntropy, ...tensors, ...twoAxes(at, logits));
  },
  softTargetCrossEntropyBackward: (tape, at, { reads, writes }) => {
    const { logits, targets, dLoss } = reads;
    const tensors = [logits, targets, dLoss, writes.dLogits].map((id) => at.at(id));
    tape.instruction(Opcode.SoftTargetCrossEntropyBackward, ...tensors, ...twoAxes(at, logits));
  },
  hardDistillation: (tape, at, { reads, writes }) => {
    const { logits, teacher } = reads;
    const tensors = [at.at(logits), at.at(teacher), at.at(writes.loss)];
    tape.instruction(Opcode.HardDistillation, ...tensors, ...twoAxes(at, logits));
  },
  hardDistillationBackward: (tape, at, { reads, writes }) => {
    const { logits, teacher, dLoss } = reads;
    const tensors = [logits, teacher, dLoss, writes.dLogits].map((id) => at.at(id));
    tape.instruction(Opcode.HardDistillationBackward, ...tensors, ...twoAxes(at, logits));
  },
  softDistillation: (tape, at, { reads, writes, attributes }) => {
    const { logits, teacher } = reads;
    const tensors = [at.at(logits), at.at(teacher), at.at(writes.loss)];
    tape.instruction(Opcode.SoftDistillation, ...tensors, ...twoAxes(at, logits), floatBits(attributes.tau));
  },
  softDistillationBackward: (tape, at, { reads, writes, attributes }) => {
    const { logits, teacher, dLoss } = reads;
    const tensors = [logits, teacher, dLoss, writes.dLogits].map((id) => at.at(id));
    const tau = floatBits(attributes.tau);
    tape.instruction(Opcode.SoftDistillationBackward, ...tensors, ...twoAxes(at, logits), tau);
  },
  dot: (tape, at, { reads, writes }) => {
    tape.instruction(Opcode.Dot, at.at(reads.a), at.at(reads.b), at.at(writes.y), at.count(reads.a));
  },
  scaleByScalar: (tape, at, { reads, writes }) => {
    const { x, scale } = reads;
    tape.instruction(Opcode.ScaleByScalar, at.at(x), at.at(scale), at.at(writes.y), at.count(x));
  },
};

/** x, weight, bias, residual, y; M, K, N, activation. */
function linearOperands(
  at: Operands,
  { reads, writes, attributes }: OperationOf<"linear"> | OperationOf<"linearInt8">,
): number[] {
  const { x, weight, bias, residual } = reads;
  const tensors = [x, weight, bias, residual, writes.y].map((id) => at.at(id));
  const sizes = [at.rows(x), at.axis(weight, 1), at.axis(weight, 0)];
  return [...tensors, ...sizes, attributes.gelu ? Activation.Gelu : Activation.None];
}

/** Rows of scores that backward needs at least, in the 512 KiB of a thread's scratch (assembly/nn/scratch.ts). */
const MOST_TOKENS = (512 * 1024) / (4 * 4);

/** B, T, H, E from the heads' output [B,T,H·E]. Throws `device/unsupported`. */
function attentionSizes(at: Operands, out: TensorId, heads: number): number[] {
  const tokens = at.axis(out, 1);
  if (tokens > MOST_TOKENS) {
    throw new VitrineError(
      "device/unsupported",
      `attention over ${tokens} tokens: device wasm takes up to ${MOST_TOKENS} (smaller images, or larger patches)`,
      { details: { tokens, limit: MOST_TOKENS } },
    );
  }
  return [at.axis(out, 0), tokens, heads, at.axis(out, 2) / heads];
}

function twoAxes(at: Operands, id: TensorId): number[] {
  return [at.axis(id, 0), at.axis(id, 1)];
}

function threeAxes(at: Operands, id: TensorId): number[] {
  return [at.axis(id, 0), at.axis(id, 1), at.axis(id, 2)];
}
