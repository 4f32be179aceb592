// Int8 calibration: finds the fastest form of the int8 product among those with the same bits, and its speed relative
// to float32.

import { Activation, Int8Form } from "../../../assembly/nn/linear-forms.js";
import { quantizeMatrix } from "../../weights/int8-matrix.js";
import { BytecodeWriter } from "./bytecode-writer.js";
import { packedBytes, packInt8Matrix } from "./int8-store.js";
import type { LinearMemory } from "./linear-memory.js";

/** Of the kernels, what is measured here. */
export interface Calibrated {
  memory: LinearMemory;
  /** Whether digits are allowed at all. */
  digits: boolean;
  runHere(bytecode: number): number;
}

/**
 * The first runs on every engine. Digits must give its bits, in the first run (compiled by the engine's baseline
 * compiler) as in the last (compiled by the optimizing one), and be faster by MARGIN, so that noise alone does not
 * choose them.
 */
const FORMS = [Int8Form.Pairs, Int8Form.Digits8, Int8Form.Digits16] as const;
const MARGIN = 0.97;
/** As for float32 products (calibrate.ts): the optimizing compiler must have run, and the machine may be busy. */
const BUDGET_MS = 30;
const MIN_TRIES = 16;
const SIZE = { rows: 180, inputs: 192, outputs: 192 };

interface Trial {
  bytecode: number;
  result: number;
  bestMs: number;
}

export interface CalibratedInt8 {
  form: Int8Form;
  /** Speed relative to the float32 product of the same size; below 1 where the CPU has no int8 dot products. */
  speedup: number;
}

const chosen = new Map<string, CalibratedInt8>();

/** Takes 30 ms, more on a busy machine; done once per process for each `build`. */
export function calibrateInt8(kernels: Calibrated, build: string): CalibratedInt8 {
  const result = chosen.get(build) ?? measure(kernels);
  chosen.set(build, result);
  return result;
}

/** Numbers between −1 and 1 without short periods. */
function spread(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => 2 * ((i * 0.618_033_988_75) % 1) - 1);
}

/** The same without the cache. */
export function measure({ memory, digits, runHere }: Calibrated): CalibratedInt8 {
  const { rows, inputs, outputs } = SIZE;
  const sizes = { m: rows, k: inputs, n: outputs };
  const matrix = quantizeMatrix(spread(outputs * inputs), outputs, inputs);
  const x = memory.allocate(4 * rows * inputs, "int8 calibration");
  memory.floats(x.address, rows * inputs).set(spread(rows * inputs));
  const pieces = [x];
  /** `form` undefined: float32. */
  const trialOf = (form: Int8Form | undefined): Trial => {
    const bytes = form === undefined ? 4 * outputs * inputs : packedBytes(outputs, inputs, form);
    const weight = memory.allocate(bytes, "int8 calibration");
    if (form === undefined) memory.floats(weight.address, outputs * inputs).set(spread(outputs * inputs));
    else packInt8Matrix(matrix, form, memory.bytes(weight.address, bytes));
    const y = memory.allocate(4 * rows * outputs, "int8 calibration");
    const writer = new BytecodeWriter();
    const tensors = { x: x.address, weight: weight.address, y: y.address };
    if (form === undefined) writer.write("linear", { ...tensors, ...sizes, activation: Activation.None });
    else writer.write("linearInt8", { ...tensors, ...sizes, activation: Activation.None, form });
    const words = writer.finish();
    const bytecode = memory.allocate(words.byteLength, "int8 calibration");
    memory.words(bytecode.address, words.length).set(words);
    pieces.push(weight, y, bytecode);
    return { bytecode: bytecode.address, result: y.address, bestMs: Number.POSITIVE_INFINITY };
  };
  const forms = digits ? FORMS : FORMS.slice(0, 1);
  const float32 = trialOf(undefined);
  const trials = forms.map(trialOf);
  const wanted = memory.words(trials[0].result, rows * outputs);
  const same = ({ result }: Trial) =>
    memory.words(result, rows * outputs).every((bits, i) => bits === wanted[i]);
  for (const { bytecode } of trials) runHere(bytecode);
  const sameAtFirst = trials.map(same);
  timeInRotation([...trials, float32], runHere);
  let best = 0;
  let bestMs = trials[0].bestMs * MARGIN;
  for (let i = 1; i < trials.length; i++) {
    if (!sameAtFirst[i] || !same(trials[i]) || trials[i].bestMs >= bestMs) continue;
    best = i;
    bestMs = trials[i].bestMs;
  }
  for (const piece of pieces) memory.release(piece);
  return { form: forms[best], speedup: float32.bestMs / trials[best].bestMs };
}

function timeInRotation(trials: Trial[], runHere: (bytecode: number) => number): void {
  const deadline = performance.now() + BUDGET_MS;
  for (let tries = 0; tries < MIN_TRIES || performance.now() < deadline; tries++) {
    for (const trial of trials) {
      const start = performance.now();
      runHere(trial.bytecode);
      trial.bestMs = Math.min(trial.bestMs, performance.now() - start);
    }
  }
}
