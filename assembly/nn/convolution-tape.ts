// Convolution tape: the instructions of convolutional networks, told apart for tape.ts.

import { batchNorm, batchNormBackward } from "./batch-norm";
import {
  globalAveragePool,
  globalAveragePoolBackward,
  scaleChannels,
  scaleChannelsGradient,
} from "./channels";
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from "./conv2d";
import { Opcode } from "./opcodes";
import { relu, reluBackward } from "./relu";
import { sigmoid, sigmoidBackward } from "./sigmoid";

/** Operand i of the instruction at `at`: an address or a size. */
function u(at: usize, i: usize): usize {
  return <usize>load<u32>(at + 8 + (i << 2));
}

/** Operand i as a float32. */
function f(at: usize, i: usize): f32 {
  return load<f32>(at + 8 + (i << 2));
}

/** Where operand i stands: the sizes of a convolution are read in place. */
function place(at: usize, i: usize): usize {
  return at + 8 + (i << 2);
}

/** Runs the instruction if it is one of these. */
export function convolution(opcode: u32, at: usize): bool {
  switch (opcode) {
    case Opcode.Conv2d:
      conv2d(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), place(at, 5));
      return true;
    case Opcode.Conv2dInputGradient:
      conv2dInputGradient(u(at, 0), u(at, 1), u(at, 2), u(at, 3), place(at, 4));
      return true;
    case Opcode.Conv2dWeightGradient:
      conv2dWeightGradient(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), place(at, 5));
      return true;
    case Opcode.BatchNorm:
      batchNorm(
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
        f(at, 10),
        f(at, 11),
      );
      return true;
    case Opcode.BatchNormBackward:
      batchNormBackward(
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
    case Opcode.Relu:
      relu(u(at, 0), u(at, 1), u(at, 2));
      return true;
    case Opcode.ReluBackward:
      reluBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3));
      return true;
    case Opcode.Sigmoid:
      sigmoid(u(at, 0), u(at, 1), u(at, 2));
      return true;
    case Opcode.SigmoidBackward:
      sigmoidBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3));
      return true;
    case Opcode.GlobalAveragePool:
      globalAveragePool(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4));
      return true;
    case Opcode.GlobalAveragePoolBackward:
      globalAveragePoolBackward(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4));
      return true;
    case Opcode.ScaleChannels:
      scaleChannels(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
    case Opcode.ScaleChannelsGradient:
      scaleChannelsGradient(u(at, 0), u(at, 1), u(at, 2), u(at, 3), u(at, 4), u(at, 5));
      return true;
  }
  return false;
}
