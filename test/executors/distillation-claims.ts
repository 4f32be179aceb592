// Distillation claims: a model of one head learns from labels and teacher by the formulas of deit's losses.py and of the
// paper, on any executor. The formulas are restated here in double precision, on the model's own logits.

import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import type { LossTerms, TrainingInputs, TrainingOptions } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { assertClose } from "../nn/compare.js";
import { MICRO, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import { CONVNET, convnetInputs, convnetOptions } from "./regnety-training-claims.js";

const PLAIN = { ...MICRO, distilled: false };
const BATCH = 4;
const [ALPHA, TAU] = [0.3, 3];

/** Logarithms of torch's softmax(logits / tau). */
function logSoftmax(logits: readonly number[], tau = 1): number[] {
  const scaled = logits.map((value) => value / tau);
  const largest = Math.max(...scaled);
  const sum = scaled.reduce((total, value) => total + Math.exp(value - largest), 0);
  return scaled.map((value) => value - largest - Math.log(sum));
}

interface Sample {
  base: number;
  distillation: number;
  /** Of (1−α)·base + α·distillation by the logits. */
  gradient: number[];
}

type Form = Pick<TrainingOptions, "distillation" | "softScale">;

/**
 * One sample: SoftTargetCrossEntropy, and F.kl_div(log p, log q, reduction "sum", log_target) · τ², divided by the
 * classes (losses.py, where the division by the batch is the mean) or not (equation 2), or F.cross_entropy with the
 * teacher's argmax (equation 3).
 */
function reference(logits: number[], targets: number[], teacher: number[], form: Form): Sample {
  const logP = logSoftmax(logits);
  const mass = targets.reduce((a, b) => a + b);
  const base = -targets.reduce((sum, target, i) => sum + target * logP[i], 0);
  const baseGradient = logP.map((value, i) => Math.exp(value) * mass - targets[i]);
  const mixed = (other: number[]) =>
    baseGradient.map((value, i) => (1 - ALPHA) * value + ALPHA * (other[i] as number));
  if (form.distillation === "hard") {
    const decided = teacher.indexOf(Math.max(...teacher));
    const gradient = mixed(logP.map((value, i) => Math.exp(value) - (i === decided ? 1 : 0)));
    return { base, distillation: -logP[decided], gradient };
  }
  const divisor = form.softScale === "paper" ? 1 : logits.length;
  const [student, wanted] = [logSoftmax(logits, TAU), logSoftmax(teacher, TAU)];
  const divergence = wanted.reduce((sum, value, i) => sum + Math.exp(value) * (value - student[i]), 0);
  const slope = student.map((value, i) => (TAU / divisor) * (Math.exp(value) - Math.exp(wanted[i])));
  return { base, distillation: (TAU ** 2 / divisor) * divergence, gradient: mixed(slope) };
}

const rowsOf = (values: Float32Array, classes: number): number[][] =>
  Array.from({ length: values.length / classes }, (_, i) => [
    ...values.subarray(i * classes, (i + 1) * classes),
  ]);

const FORMS: readonly (readonly [string, Form])[] = [
  ["soft distillation, main.py's scale", { distillation: "soft" }],
  ["soft distillation, the paper's scale", { distillation: "soft", softScale: "paper" }],
  ["hard distillation", { distillation: "hard" }],
];

/** Name and test of each claim; `tolerance` is relative. */
export function distillationClaims(
  executor: Executor,
  tolerance: number,
): (readonly [string, () => Promise<void>])[] {
  const checkTerms = async (form: Form, pieces: number): Promise<void> => {
    const options = { config: PLAIN, alpha: ALPHA, tau: TAU, lossScaling: false, pieces, ...form };
    const training = await createTraining(executor, trainingOptions(options));
    const weights = Float32Array.of(0.4, 0.1, 0.25, 0.25);
    const inputs: TrainingInputs = { ...trainingInputs(PLAIN, BATCH), sampleWeights: weights };
    const { classes } = PLAIN;
    // Without stochastic depth a step computes the logits of an evaluation.
    const { logits } = await training.evaluate(inputs.pixels, BATCH, "weights");
    const [student, targets, teacher] = [logits, inputs.targets, inputs.teacherLogits as Float32Array].map(
      (values) => rowsOf(values, classes),
    ) as [number[][], number[][], number[][]];
    const samples = student.map((row, i) => reference(row, targets[i], teacher[i], form));
    const mean = (value: (sample: Sample) => number) =>
      samples.reduce((sum, sample, i) => sum + weights[i] * value(sample), 0);
    const [base, distillation] = [mean((sample) => sample.base), mean((sample) => sample.distillation)];
    const { loss, terms } = await training.accumulate(inputs);
    const want = (1 - ALPHA) * base + ALPHA * distillation;
    assertClose([loss], [want], tolerance * want, "loss");
    const got = terms as LossTerms;
    assertClose([got.base, got.distillation], [base, distillation], tolerance * want, "terms");
    const decisions = (rows: number[][]) => rows.map((row) => row.indexOf(Math.max(...row)));
    const alike = decisions(student).filter((decision, i) => decision === decisions(teacher)[i]).length;
    assert.is(got.teacherAgreement, (100 * alike) / BATCH);
    const gradients: TensorMap = await training.gradients();
    const bias = Array.from({ length: classes }, (_, i) => mean(({ gradient }) => gradient[i]));
    assertClose(gradients.get("head.bias")?.data as Float32Array, bias, tolerance, "gradient of head.bias");
    training.dispose();
  };
  const claims = FORMS.flatMap(([name, form]) =>
    [1, 2].map(
      (pieces) =>
        [`${name}, on one head in pieces of ${BATCH / pieces}`, () => checkTerms(form, pieces)] as const,
    ),
  );
  const convnet = async (): Promise<void> => {
    const options = convnetOptions({ distillation: "soft", softScale: "paper", tau: TAU });
    const training = await createTraining(executor, options);
    const inputs = { ...convnetInputs(), teacherLogits: trainingInputs(CONVNET, BATCH).teacherLogits };
    const losses: number[] = [];
    for (let step = 1; step <= 5; step++) {
      losses.push((await training.accumulate(inputs)).loss);
      await training.apply({ ...STEP, step });
    }
    assert.ok(losses[4] < losses[0], losses.join());
    training.dispose();
  };
  return [...claims, ["a convnet learns from a teacher as well", convnet]];
}
