// Gradient cases: every loss of losses.json, and the gradient of every parameter for three of them.

import type { Executor } from "../../runtime/executors/executor.js";
import type { Distillation } from "../../runtime/training/contract.js";
import type { CaseGroup, ParityContext, ParityOutcome } from "./case.js";
import { compare } from "./compare.js";
import { lossInputs, type Targets } from "./loss-inputs.js";
import { type ModelKind, parityExecutor } from "./micro-model.js";
import { microStep, microTraining, type StepChoice } from "./micro-training.js";
import { paperLosses } from "./paper-losses.js";

/** Multiple of PyTorch's own float32 error. */
const MULTIPLE = 8;

interface LossCase {
  kind: ModelKind;
  targets: Targets;
  choice: StepChoice;
}

const PLAIN: Readonly<Record<string, LossCase>> = {
  "plain.ce": { kind: "plain", targets: "one-hot", choice: {} },
  "plain.ce_label_smoothing_0.1": { kind: "plain", targets: "smoothed", choice: {} },
  "plain.soft_target_ce": { kind: "plain", targets: "mixed", choice: {} },
};

const DISTILLED = /^distilled\.(none|soft|hard)\.alpha([\d.]+)\.tau([\d.]+)\.base_(ls|softtarget)$/;

/** Parses a key of losses.json such as `distilled.soft.alpha0.5.tau3.0.base_ls`; undefined for other keys. */
function lossCase(key: string): LossCase | undefined {
  const match = DISTILLED.exec(key);
  if (!match) return PLAIN[key];
  const [, distillation, alpha, tau, base] = match;
  return {
    kind: "distilled",
    targets: base === "ls" ? "smoothed" : "mixed",
    choice: { distillation: distillation as Distillation, alpha: Number(alpha), tau: Number(tau) },
  };
}

async function* losses(context: ParityContext, executor: Executor): AsyncIterable<ParityOutcome> {
  if (!context.has("losses.json")) return;
  const wanted = context.json<Record<string, number>>("losses.json");
  const ofPaper = await paperLosses(context, executor);
  for (const [key, want] of Object.entries(wanted)) {
    if (key.startsWith("grads_")) continue; // with the gradients below
    const found = lossCase(key);
    if (!context.has(`model_${found?.kind ?? "distilled"}.safetensors`)) continue;
    const tolerance = context.deviceTolerance("losses.json", key, MULTIPLE);
    const name = `losses/${key}`;
    if (!found) {
      yield compare(name, [ofPaper[key] ?? Number.NaN], [want], tolerance);
      continue;
    }
    const training = await microTraining(context, executor, found.kind, found.choice);
    const { loss } = await training.accumulateImages(lossInputs(context, found.targets));
    training.dispose();
    yield compare(name, [loss], [want], tolerance);
  }
}

/** File → the loss it is the gradient of. README of the fixtures, "Which loss belongs to which file". */
const GRADIENTS: Readonly<Record<string, LossCase>> = {
  grads_plain_ls: { kind: "plain", targets: "smoothed", choice: {} },
  grads_distilled_hard: { kind: "distilled", targets: "mixed", choice: { distillation: "hard" } },
  grads_distilled_soft: { kind: "distilled", targets: "mixed", choice: { distillation: "soft", tau: 3 } },
};

async function* gradientsOf(
  context: ParityContext,
  executor: Executor,
  name: string,
  { kind, targets, choice }: LossCase,
): AsyncIterable<ParityOutcome> {
  const file = `${name}.safetensors`;
  if (!context.has(file) || !context.has(`model_${kind}.safetensors`)) return;
  const training = await microTraining(context, executor, kind, choice);
  const { loss } = await training.accumulateImages(lossInputs(context, targets));
  const gradients = await training.gradients();
  for (const [parameter, { data }] of context.floats(file)) {
    const tolerance = context.deviceTolerance(file, parameter, MULTIPLE);
    yield compare(`${name}/${parameter}`, gradients.get(parameter)?.data, data, tolerance);
  }
  // A step of size 0 reports the norm.
  const { gradientNorm } = await training.apply({ ...microStep(context, 1), learningRate: 0 });
  training.dispose();
  const scalars = context.json<Record<string, number>>("losses.json");
  for (const [key, got] of [
    [`${name}.loss`, loss],
    [`${name}.global_l2_norm`, gradientNorm],
  ] as const) {
    const tolerance = context.deviceTolerance("losses.json", key, MULTIPLE);
    yield compare(`losses/${key}`, [got], [scalars[key] as number], tolerance);
  }
}

export const gradientCases: CaseGroup = async function* (context) {
  if (!context.has("loss_inputs.safetensors")) return;
  const executor = await parityExecutor(context);
  yield* losses(context, executor);
  for (const [name, loss] of Object.entries(GRADIENTS)) yield* gradientsOf(context, executor, name, loss);
  await executor.dispose();
};
