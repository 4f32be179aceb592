// Tape: walks the instructions of a program and calls a kernel for each. opcodes.ts says which words follow which opcode.
//
// Threads share an instruction (share.ts): each calls `execute` with a part of its own. Kernels that cut their work know
// their part; for the others the cut is made here, and what is not in `isShared` runs whole in the first part.

import { adamw } from "./adamw";
import { attention, attentionBackward, attentionProbabilities } from "./attention";
import { convolution } from "./convolution-tape";
import {
  hardDistillation,
  hardDistillationBackward,
  softDistillation,
  softDistillationBackward,
} from "./distillation";
import { copy, fill, residual, scaleByScalar, scaledSum, scaleRows } from "./elementwise";
import { gelu, geluBackward } from "./gelu";
import { layerNorm, layerNormBackward } from "./layer-norm";
import { linear, linearInputGradient, linearWeightGradient } from "./linear";
import { linearInt8 } from "./linear-int8";
import { updateLossScale } from "./loss-scale";
import { Opcode } from "./opcodes";
import { linearPacked, packWeight } from "./packed-weight";
import { patchifyBytes, patchifyFloats } from "./patchify";
import { dot, sumOfSquares } from "./reductions";
import { count, cut, first, isFirstPart, setShare } from "./share";
import { softTargetCrossEntropy, softTargetCrossEntropyBackward } from "./soft-target-cross-entropy";
import { softmax } from "./softmax";
import { span } from "./span";
import {
  assembleTokens,
  assembleTokensBackward,
  selectToken,
  selectTokenBackward,
  selectTwoTokensBackward,
} from "./tokens";

/** Operand i of the instruction at `at`: an address or a size. */
function u(at: usize, i: usize): usize {
  return <usize>load<u32>(at + 8 + (i << 2));
}

/** Operand i as a float32. */
function f(at: usize, i: usize): f32 {
  return load<f32>(at + 8 + (i << 2));
}

/** Operand i moved on by `bytes`; an absent one stays absent. */
function moved(at: usize, i: usize, bytes: usize): usize {
  const address = u(at, i);
  return address ? address + bytes : 0;
}

/** Runs the tape up to Halt. Returns 0, or the place (1 = first) of the instruction whose opcode is unknown. */
export function run(tape: usize): i32 {
  let at = tape;
  let place: i32 = 1;
  setShare(0, 1);
  while (load<u32>(at) !== Opcode.Halt) {
    const phases = phasesOf(at);
    for (let phase: u32 = 0; phase < phases; phase++) if (!execute(at, phase)) return place;
    place++;
    at = next(at);
  }
  return 0;
}

/** The instruction behind this one. */
export function next(at: usize): usize {
  return at + ((<usize>load<u32>(at + 4)) << 2);
}

/** How often all parts of an instruction must be done before it is: twice where one half needs the other's results. */
export function phasesOf(at: usize): u32 {
  const opcode = load<u32>(at);
  const two = opcode === Opcode.LayerNormBackward || opcode === Opcode.Dot || opcode === Opcode.SumOfSquares;
  return two ? 2 : 1;
}

/** Does this thread's share (share.ts) of a phase of an instruction. False where the opcode is unknown. */
export function execute(at: usize, phase: u32): bool {
  const opcode = load<u32>(at);
  if (!isShared(opcode) && !isFirstPart()) return true;
  return (
    forward(opcode, at) ||
    valueByValue(opcode, at) ||
    backward(opcode, at, phase) ||
    lossAndReduction(opcode, at, phase) ||
    parameterUpdate(opcode, at) ||
    restingWeights(opcode, at) ||
    convolution(opcode, at)
  );
}

/** What is small or sums over the batch in order runs on one thread. */
function isShared(opcode: u32): bool {
  switch (opcode) {
    case Opcode.PatchifyBytes:
    case Opcode.PatchifyFloats:
    case Opcode.Linear:
    case Opcode.LinearInt8:
    case Opcode.LinearInputGradient:
    case Opcode.LinearWeightGradient:
    case Opcode.LayerNorm:
    case Opcode.LayerNormBackward:
    case Opcode.Attention:
    case Opcode.AttentionProbabilities:
    case Opcode.AttentionBackward:
    case Opcode.Gelu:
    case Opcode.GeluBackward:
    case Opcode.ScaledSum:
    case Opcode.ScaleRows:
    case Opcode.Residual:
    case Opcode.Dot:
    case Opcode.SumOfSquares:
    case Opcode.Fill:
    case Opcode.AdamW:
    case Opcode.Copy:
    case Opcode.PackWeight:
    case Opcode.LinearPacked:
    case Opcode.Span:
      return true;
  }
  return false;
}

/** Values that go together where an array is cut: a KiB. */
const RUN: usize = 256;

function forward(opcode: u32, at: usize): bool {
  switch (opcode) {
    case Opcode.PatchifyBytes:
      patchifyBytes(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.PatchifyFloats:
      patchifyFloats(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4));
      return true;
    case Opcode.Linear:
      linear(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6), u(at, 7), <u32>u(at, 8));
      return true;
    case Opcode.LinearInt8:
      linearInt8(
        u(at, 0),
        u(at, 1),
        u(at, 2),
        u(at, 3),
        u(at, 4),
        u(at, 5),
        u(at, 6),
        u(at, 7),
        <u32>u(at, 8),
        <u32>u(at, 9),
      );
      return true;
    case Opcode.LayerNorm:
      layerNorm(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6), u(at, 7), f(at, 8));
      return true;
    case Opcode.Attention:
      attention(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6), u(at, 7));
      return true;
    case Opcode.AttentionProbabilities:
      attentionProbabilities(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.AssembleTokens:
      assembleTokens(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6), u(at, 7));
      return true;
    case Opcode.SelectToken:
      selectToken(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.Softmax:
      softmax(u(at, 0), u(at, 1), u(at, 2), u(at, 3));
      return true;
  }
  return false;
}

function valueByValue(opcode: u32, at: usize): bool {
  switch (opcode) {
    case Opcode.Gelu:
      cut(u(at, 2), RUN);
      gelu(u(at, 0) + (first << 2), u(at, 1) + (first << 2), count);
      return true;
    case Opcode.GeluBackward:
      cut(u(at, 3), RUN);
      geluBackward(u(at, 0) + (first << 2), u(at, 1) + (first << 2), u(at, 2) + (first << 2), count);
      return true;
    case Opcode.ScaledSum:
      cut(u(at, 3), RUN);
      scaledSum(
        u(at, 0) + (first << 2),
        u(at, 1) + (first << 2),
        u(at, 2) + (first << 2),
        count,
        f(at, 4),
        f(at, 5),
      );
      return true;
    case Opcode.ScaleRows: {
      cut(u(at, 3), 1);
      const offset = (first * u(at, 4)) << 2;
      scaleRows(u(at, 0) + offset, u(at, 1) + (first << 2), u(at, 2) + offset, count, u(at, 4));
      return true;
    }
    case Opcode.ScaleByScalar:
      scaleByScalar(u(at, 0), u(at, 1), u(at, 2), u(at, 3));
      return true;
    case Opcode.Residual: {
      cut(u(at, 4), 1);
      const offset = (first * u(at, 5)) << 2;
      const scale = moved(at, 2, first << 2);
      residual(u(at, 0) + offset, u(at, 1) + offset, scale, u(at, 3) + offset, count, u(at, 5));
      return true;
    }
    case Opcode.Copy:
      cut(u(at, 2), RUN);
      copy(u(at, 0) + (first << 2), u(at, 1) + (first << 2), count);
      return true;
    case Opcode.Fill:
      cut(u(at, 1), RUN);
      fill(u(at, 0) + (first << 2), count, f(at, 2));
      return true;
  }
  return false;
}

function backward(opcode: u32, at: usize, phase: u32): bool {
  switch (opcode) {
    case Opcode.LinearInputGradient:
      linearInputGradient(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.LinearWeightGradient:
      linearWeightGradient(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6));
      return true;
    case Opcode.LayerNormBackward:
      layerNormBackward(
        u(at, 0),
        u(at, 1),
        u(at, 2),
        u(at, 3),
        u(at, 4),
        u(at, 5),
        u(at, 6),
        u(at, 7),
        u(at, 8),
        u(at, 9),
        u(at, 10),
        phase,
      );
      return true;
    case Opcode.AttentionBackward:
      attentionBackward(
        u(at, 0),
        u(at, 1),
        u(at, 2),
        u(at, 3),
        u(at, 4),
        u(at, 5),
        u(at, 6),
        u(at, 7),
        u(at, 8),
      );
      return true;
    case Opcode.AssembleTokensBackward:
      assembleTokensBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6), u(at, 7));
      return true;
    case Opcode.SelectTokenBackward:
      selectTokenBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.SelectTwoTokensBackward:
      selectTwoTokensBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
  }
  return false;
}

function lossAndReduction(opcode: u32, at: usize, phase: u32): bool {
  switch (opcode) {
    case Opcode.SoftTargetCrossEntropy:
      softTargetCrossEntropy(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4));
      return true;
    case Opcode.SoftTargetCrossEntropyBackward:
      softTargetCrossEntropyBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.HardDistillation:
      hardDistillation(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4));
      return true;
    case Opcode.HardDistillationBackward:
      hardDistillationBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.SoftDistillation:
      softDistillation(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), <f64>f(at, 5));
      return true;
    case Opcode.SoftDistillationBackward:
      softDistillationBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), <f64>f(at, 6));
      return true;
    case Opcode.Dot:
      dot(u(at, 0), u(at, 1), u(at, 2), u(at, 3), phase);
      return true;
    case Opcode.SumOfSquares:
      sumOfSquares(u(at, 0), u(at, 1), u(at, 2), phase);
      return true;
  }
  return false;
}

function parameterUpdate(opcode: u32, at: usize): bool {
  if (opcode === Opcode.UpdateLossScale) {
    updateLossScale(
      u(at, 0),
      u(at, 1),
      u(at, 2),
      u(at, 3),
      u(at, 4),
      u(at, 5),
      u(at, 6),
      f(at, 7),
      f(at, 8),
      <f32>u(at, 9),
    );
    return true;
  }
  if (opcode !== Opcode.AdamW) return false;
  cut(u(at, 7), RUN);
  const offset = first << 2;
  adamw(
    u(at, 0) + offset,
    u(at, 1) + offset,
    u(at, 2) + offset,
    u(at, 3) + offset,
    moved(at, 4, offset),
    u(at, 5),
    u(at, 6),
    count,
    <u32>u(at, 8),
  );
  return true;
}

/** What inference adds: weights laid out once, and rows kept together. */
function restingWeights(opcode: u32, at: usize): bool {
  switch (opcode) {
    case Opcode.PackWeight:
      packWeight(u(at, 0), u(at, 1), u(at, 2), u(at, 3));
      return true;
    case Opcode.LinearPacked: {
      const activation = <u32>u(at, 8);
      linearPacked(
        u(at, 0),
        u(at, 1),
        u(at, 2),
        u(at, 3),
        u(at, 4),
        u(at, 5),
        u(at, 6),
        u(at, 7),
        activation,
      );
      return true;
    }
    case Opcode.Span:
      span(at);
      return true;
  }
  return false;
}
