// Calibrate int8: finds the form of the int8 product that is fastest here and computes what the others compute.

import { Activation, Int8Form } from "../../../assembly/nn/linear-forms.js";
import { quantizeMatrix } from "../../weights/int8-matrix.js";
import { BytecodeWriter } from "./bytecode-writer.js";
import { packedBytes, packInt8Matrix } from "./int8-packing.js";
import type { LinearMemory } from "./linear-memory.js";

interface Calibrated {
  memory: LinearMemory;
  runHere(bytecode: number): number;
}

/** The first is every engine's; digits must have its bits, and be this much faster, so that noise alone does not choose them. */
const FORMS = [Int8Form.Pairs, Int8Form.Digits8, Int8Form.Digits16] as const;
const MARGIN = 0.97;
/** As for float32 products (calibrate.ts): the optimizing compiler's code must have come, and the machine may be busy. */
const BUDGET_MS = 30;
const LEAST_TRIES = 16;
const SIZE = { rows: 180, inputs: 192, outputs: 192 };

interface Trial {
  form: Int8Form;
  bytecode: number;
  result: number;
  bestMs: number;
}

const chosen = new Map<string, Int8Form>();

/** Takes 30 ms, more on a busy machine; a process does it once for each `build`. */
export function calibrateInt8(kernels: Calibrated, build: string): Int8Form {
  const form = chosen.get(build) ?? measure(kernels);
  chosen.set(build, form);
  return form;
}

/** Numbers between −1 and 1 that repeat nowhere near. */
function spread(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => 2 * ((i * 0.618_033_988_75) % 1) - 1);
}

function measure({ memory, runHere }: Calibrated): Int8Form {
  const { rows, inputs, outputs } = SIZE;
  const sizes = { m: rows, k: inputs, n: outputs };
  const matrix = quantizeMatrix(spread(outputs * inputs), outputs, inputs);
  const x = memory.allocate(4 * rows * inputs, "int8 calibration");
  memory.floats(x.address, rows * inputs).set(spread(rows * inputs));
  const pieces = [x];
  const trials = FORMS.map((form): Trial => {
    const bytes = packedBytes(outputs, inputs, form);
    const weight = memory.allocate(bytes, "int8 calibration");
    packInt8Matrix(matrix, form, memory.bytes(weight.address, bytes));
    const y = memory.allocate(4 * rows * outputs, "int8 calibration");
    const writer = new BytecodeWriter();
    const tensors = { x: x.address, weight: weight.address, y: y.address };
    writer.write("linearInt8", { ...tensors, ...sizes, activation: Activation.None, form });
    const words = writer.finish();
    const bytecode = memory.allocate(words.byteLength, "int8 calibration");
    memory.words(bytecode.address, words.length).set(words);
    pieces.push(weight, y, bytecode);
    return { form, bytecode: bytecode.address, result: y.address, bestMs: Number.POSITIVE_INFINITY };
  });
  const [pairs, ...others] = runInTurns(trials, runHere);
  const wanted = memory.words((pairs as Trial).result, rows * outputs);
  let best = { ...(pairs as Trial), bestMs: (pairs as Trial).bestMs * MARGIN };
  for (const trial of others) {
    const same = memory.words(trial.result, rows * outputs).every((bits, i) => bits === wanted[i]);
    if (same && trial.bestMs < best.bestMs) best = trial;
  }
  for (const piece of pieces) memory.release(piece);
  return best.form;
}

function runInTurns(trials: Trial[], runHere: (bytecode: number) => number): Trial[] {
  const deadline = performance.now() + BUDGET_MS;
  for (let tries = 0; tries < LEAST_TRIES || performance.now() < deadline; tries++) {
    for (const trial of trials) {
      const start = performance.now();
      runHere(trial.bytecode);
      trial.bestMs = Math.min(trial.bestMs, performance.now() - start);
    }
  }
  return trials;
}
