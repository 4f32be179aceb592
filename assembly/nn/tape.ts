// Tape: walks the instructions of a program and calls a kernel for each. opcodes.ts says which words follow which opcode.

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
import { Opcode } from "./opcodes";
import { patchifyBytes, patchifyFloats } from "./patchify";
import { dot, sumOfSquares } from "./reductions";
import { softTargetCrossEntropy, softTargetCrossEntropyBackward } from "./soft-target-cross-entropy";
import { softmax } from "./softmax";
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

/** Runs the tape up to Halt. Returns 0, or the place (1 = first) of the instruction whose opcode is unknown. */
export function run(tape: usize): i32 {
  let at = tape;
  let place: i32 = 1;
  let opcode = load<u32>(at);
  while (opcode !== Opcode.Halt) {
    const known =
      forward(opcode, at) ||
      backward(opcode, at) ||
      lossAndReduction(opcode, at) ||
      parameterUpdate(opcode, at) ||
      convolution(opcode, at);
    if (!known) return place;
    place++;
    at += (<usize>load<u32>(at + 4)) << 2;
    opcode = load<u32>(at);
  }
  return 0;
}

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
    case Opcode.LayerNorm:
      layerNorm(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6), u(at, 7), f(at, 8));
      return true;
    case Opcode.Attention:
      attention(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6), u(at, 7));
      return true;
    case Opcode.AttentionProbabilities:
      attentionProbabilities(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.Gelu:
      gelu(u(at, 0), u(at, 1), u(at, 2));
      return true;
    case Opcode.ScaledSum:
      scaledSum(u(at, 0), u(at, 1), u(at, 2), u(at, 3), f(at, 4), f(at, 5));
      return true;
    case Opcode.ScaleRows:
      scaleRows(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4));
      return true;
    case Opcode.ScaleByScalar:
      scaleByScalar(u(at, 0), u(at, 1), u(at, 2), u(at, 3));
      return true;
    case Opcode.Residual:
      residual(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
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
    case Opcode.Copy:
      copy(u(at, 0), u(at, 1), u(at, 2));
      return true;
    case Opcode.Fill:
      fill(u(at, 0), u(at, 1), f(at, 2));
      return true;
  }
  return false;
}

function backward(opcode: u32, at: usize): bool {
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
    case Opcode.GeluBackward:
      geluBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3));
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

function lossAndReduction(opcode: u32, at: usize): bool {
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
      dot(u(at, 0), u(at, 1), u(at, 2), u(at, 3));
      return true;
    case Opcode.SumOfSquares:
      sumOfSquares(u(at, 0), u(at, 1), u(at, 2));
      return true;
  }
  return false;
}

function parameterUpdate(opcode: u32, at: usize): bool {
  if (opcode !== Opcode.AdamW) return false;
  adamw(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5), u(at, 6), u(at, 7), <u32>u(at, 8));
  return true;
}
