// Self-check: a small DeiT on an automatically chosen executor and on a trusted one, since a driver may miscompile a
// kernel.

import { VitrineError } from "./errors.js";
import type { Executor } from "./executors/executor.js";
import { createInference } from "./inference/program.js";
import type { DeitConfig } from "./models/deit/config.js";
import { deitParameters } from "./models/deit/parameters.js";
import type { OptimizerStep, Training, TrainingInputs } from "./training/contract.js";
import { createTraining } from "./training/program.js";
import type { NamedTensor, TensorMap } from "./weights/tensor-map.js";

/** No size is a multiple of a tile: errors of tiles appear at their edges. */
const CONFIG: DeitConfig = {
  imageSize: 48,
  patchSize: 8,
  dim: 40,
  depth: 1,
  heads: 2,
  mlpDim: 72,
  classes: 7,
  distilled: true,
  layerNormEpsilon: 1e-6,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  cropRatio: 0.875,
};
const BATCH = 3;

/** Relative to a tensor's largest value. Float32 executors differ by 1e-6, kernels in half precision by about 1e-3. */
const TOLERANCE = 1e-2;

/** Integers from 0 to 255 without a pattern: Knuth's multiplicative hash. */
function byteAt(index: number): number {
  return Math.imul(index + 1, 0x9e3779b1) >>> 24;
}

function pixels(): Uint8Array {
  return Uint8Array.from({ length: BATCH * CONFIG.imageSize ** 2 * 3 }, (_, i) => byteAt(i));
}

function weights(): TensorMap {
  const entries = [...deitParameters(CONFIG)].map(([name, shape], place): [string, NamedTensor] => {
    const center = /norm\d?\.weight$/.test(name) ? 1 : 0;
    const count = shape.reduce((a, b) => a * b, 1);
    const values = Array.from({ length: count }, (_, i) => (byteAt(i + 9_973 * place) - 127.5) / 512);
    return [name, { shape: [...shape], data: Float32Array.from(values, (value) => center + value) }];
  });
  return new Map(entries);
}

type Results = Map<string, Float32Array>;

async function inferenceResults(executor: Executor): Promise<Results> {
  const inference = await createInference(executor, CONFIG, weights(), { batchSizes: [BATCH] });
  try {
    return new Map([["logits", (await inference.logits(pixels(), BATCH)).logits]]);
  } finally {
    inference.dispose();
  }
}

/** With an epsilon this large, a step follows the gradient and not the sign of rounding noise. */
const STEP: OptimizerStep = {
  learningRate: 0.1,
  weightDecay: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 0.01,
  step: 1,
  clipNorm: 1,
  emaDecay: 0,
};

function openTraining(executor: Executor, start: TensorMap): Promise<Training> {
  const shape = { config: CONFIG, weights: start, batchSize: BATCH };
  const loss = { distillation: "none", alpha: 0, tau: 1, dropPath: 0, ema: false } as const;
  return createTraining(executor, { ...shape, ...loss });
}

function trainingInputs(): TrainingInputs {
  const targets = new Float32Array(BATCH * CONFIG.classes);
  for (let sample = 0; sample < BATCH; sample++) targets[sample * CONFIG.classes + 2 * sample] = 1;
  const sampleWeights = new Float32Array(BATCH).fill(1 / BATCH);
  return { pixels: pixels(), targets, sampleWeights };
}

/** One step: its loss, every gradient, and how far every weight moved. */
async function trainingResults(executor: Executor): Promise<Results> {
  const start = weights();
  const training = await openTraining(executor, start);
  try {
    const { loss } = await training.accumulate(trainingInputs());
    const results: Results = new Map([["loss", Float32Array.of(loss)]]);
    for (const [name, { data }] of await training.gradients()) results.set(`gradient of ${name}`, data);
    await training.apply(STEP);
    for (const [name, { data }] of await training.read("weights")) {
      const before = start.get(name)?.data as Float32Array;
      results.set(
        `step of ${name}`,
        data.map((value, i) => value - before[i]),
      );
    }
    return results;
  } finally {
    training.dispose();
  }
}

/** Float16 gradients cannot be this large: the step must be skipped. */
const OVERFLOWING_SCALE = 2 ** 60;

/** Loss scaling relies on overflow to infinity; a driver may produce the largest finite number instead. */
async function checkOverflow(executor: Executor): Promise<void> {
  const training = await openTraining(executor, weights());
  try {
    training.writeLossScale?.({ scale: OVERFLOWING_SCALE, goodSteps: 0, skipped: 0 });
    await training.accumulate(trainingInputs());
    if (!(await training.apply(STEP)).applied) return;
  } finally {
    training.dispose();
  }
  throw new VitrineError(
    "device/self-check",
    "self-check: gradients beyond float16's range were not detected",
  );
}

function checkEqual(got: Results, want: Results): void {
  const overall = Math.max(...[...want.values()].flatMap((values) => [...values]).map(Math.abs));
  for (const [name, wanted] of want) {
    const values = got.get(name) ?? new Float32Array();
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // A tensor that is almost zero everywhere, such as the gradient of a key's bias, is rounding noise.
    const bound = TOLERANCE * Math.max(largest, 1e-4 * overall);
    const wrong = wanted.findIndex((value, i) => !(Math.abs(values[i] - value) <= bound));
    if (wrong < 0) continue;
    throw new VitrineError(
      "device/self-check",
      `self-check: ${name}, value ${wrong}: got ${values[wrong]}, wanted ${wanted[wrong]} ± ${bound.toPrecision(2)}`,
      { details: { name, got: values[wrong], wanted: wanted[wrong] } },
    );
  }
}

/** Throws `device/self-check` where `executor` computes other numbers than `trusted`, and any error of the executor. */
export async function selfCheck(executor: Executor, trusted: Executor, trains: boolean): Promise<void> {
  checkEqual(await inferenceResults(executor), await inferenceResults(trusted));
  if (!trains) return;
  checkEqual(await trainingResults(executor), await trainingResults(trusted));
  if (executor.halfPrecision) await checkOverflow(executor);
}
