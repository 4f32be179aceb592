// Optimizer cases: AdamW over one and ten steps, clipped or not, its moments, and the moving averages.

import type { Executor } from "../../runtime/executors/executor.js";
import type { ImageTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import type { CaseGroup, ParityContext, ParityOutcome } from "./case.js";
import { compare, compareWhole, largestValue, maxAbsError, withFloor } from "./compare.js";
import { lossInputs } from "./loss-inputs.js";
import { keyBias, microConfig, microWeights, parityExecutor } from "./micro-model.js";
import { microStep, microTraining, type StepChoice } from "./micro-training.js";

/** Multiple of PyTorch's own float32 error. */
const MULTIPLE = 8;

interface Run {
  steps: number;
  choice?: StepChoice;
  clipNorm?: number;
  emaDecay?: number;
}

interface RunResult {
  training: ImageTraining;
  losses: number[];
}

/** Steps of hard distillation on the fixed batch; the caller disposes of the training. */
async function runSteps(context: ParityContext, executor: Executor, run: Run): Promise<RunResult> {
  const choice = { distillation: "hard" as const, ema: run.emaDecay !== undefined, ...run.choice };
  const training = await microTraining(context, executor, "distilled", choice);
  const inputs = lossInputs(context, "mixed");
  const losses: number[] = [];
  for (let step = 1; step <= run.steps; step++) {
    losses.push((await training.accumulateImages(inputs)).loss);
    await training.apply(microStep(context, step, run));
  }
  return { training, losses };
}

/**
 * How a tensor is compared: by its values, as weights or as optimizer state, or by its distance from the starting
 * weights.
 */
type Rule = "values" | "state" | "movement";

/** Fraction of the largest movement that is allowed in addition, as `context.tolerance` does with the largest value. */
const RANGE_FRACTION = 1e-7;

/**
 * Averages and clipped steps are compared by their movement from the starting weights, whose range counts. It may be
 * smaller than PyTorch's own float32 error, so an error must also stay below half of the largest movement: neither a
 * missing update nor one of another size passes. `largest` is that of the weights, whose rounding sets the floor.
 */
function movementTolerance(
  context: ParityContext,
  [file, tensor]: readonly [file: string, tensor: string],
  movement: number,
  largest: number,
): number {
  const [one, many] = [1, MULTIPLE].map((multiple) => context.deviceTolerance(file, tensor, multiple));
  const ofError = (MULTIPLE * (many - one)) / (MULTIPLE - 1);
  // tfjs rounds to float32 between operations, so a weight may become the neighboring float.
  const allowed = context.device.startsWith("tfjs:") ? many : ofError + RANGE_FRACTION * movement;
  return Math.min(withFloor(allowed, largest), movement / 2);
}

/** Compares every tensor of `file` with the tensors that were read. */
function* compareFile(
  context: ParityContext,
  name: string,
  got: TensorMap,
  rule: Rule = "values",
): Iterable<ParityOutcome> {
  const file = `${name}.safetensors`;
  const start = microWeights(context, "distilled");
  const { dim } = microConfig(context, "distilled");
  for (const [tensor, { data }] of context.floats(file)) {
    const excluded = keyBias(tensor, dim);
    const from = start.get(tensor)?.data ?? [];
    const { jumps } = context.tierTolerances;
    if (jumps > 0 && rule !== "state") {
      yield compareWhole(`${name}/${tensor}`, got.get(tensor)?.data, data, jumps, { start: from, excluded });
      continue;
    }
    const movement = maxAbsError(from, data, excluded);
    const largest = largestValue(data, excluded);
    const [tolerance, floorOf] =
      rule === "movement"
        ? [movementTolerance(context, [file, tensor], movement, largest), movement]
        : [context.deviceTolerance(file, tensor, MULTIPLE), largest];
    yield compare(`${name}/${tensor}`, got.get(tensor)?.data, data, tolerance, {
      excluded,
      largest: floorOf,
    });
  }
}

async function* firstStep(context: ParityContext, executor: Executor): AsyncIterable<ParityOutcome> {
  if (context.has("adamw_step1.safetensors")) {
    const { training } = await runSteps(context, executor, { steps: 1 });
    yield* compareFile(context, "adamw_step1", await training.read("weights"));
    training.dispose();
  }
  if (context.has("adamw_step1_clip0.1.safetensors")) {
    const { training } = await runSteps(context, executor, { steps: 1, clipNorm: 0.1 });
    yield* compareFile(context, "adamw_step1_clip0.1", await training.read("weights"), "movement");
    training.dispose();
  }
}

/** exp_avg.NAME and exp_avg_sq.NAME, as torch's optimizer calls its state. */
async function moments(training: ImageTraining): Promise<TensorMap> {
  const named: TensorMap = new Map();
  for (const [name, tensor] of await training.read("firstMoment")) named.set(`exp_avg.${name}`, tensor);
  for (const [name, tensor] of await training.read("secondMoment")) named.set(`exp_avg_sq.${name}`, tensor);
  return named;
}

async function* tenSteps(context: ParityContext, executor: Executor): AsyncIterable<ParityOutcome> {
  const { training, losses } = await runSteps(context, executor, { steps: 10, emaDecay: 0.99 });
  const { loss_per_step } = context.json<{ loss_per_step: number[] }>("adamw.json");
  const tolerance = context.deviceTolerance("adamw.json", "loss_per_step", MULTIPLE);
  yield compare("adamw/loss_per_step", losses, loss_per_step, tolerance);
  if (context.has("adamw_step10.safetensors"))
    yield* compareFile(context, "adamw_step10", await training.read("weights"));
  if (context.has("adamw_state10.safetensors"))
    yield* compareFile(context, "adamw_state10", await moments(training), "state");
  if (context.has("ema10_decay0.99.safetensors"))
    yield* compareFile(context, "ema10_decay0.99", await training.read("ema"), "movement");
  training.dispose();
}

async function* slowAverage(context: ParityContext, executor: Executor): AsyncIterable<ParityOutcome> {
  if (!context.has("ema10_decay0.99996.safetensors")) return;
  const { training } = await runSteps(context, executor, { steps: 10, emaDecay: 0.99996 });
  yield* compareFile(context, "ema10_decay0.99996", await training.read("ema"), "movement");
  training.dispose();
}

/** deit with timm 0.3.2 decays dist_token: it is three-dimensional and not listed. */
async function* decayedToken(context: ParityContext, executor: Executor): AsyncIterable<ParityOutcome> {
  if (!context.has("adamw_step10_disttoken_decayed.safetensors")) return;
  const choice = { noDecay: ["pos_embed", "cls_token"] };
  const { training } = await runSteps(context, executor, { steps: 10, choice });
  yield* compareFile(context, "adamw_step10_disttoken_decayed", await training.read("weights"));
  training.dispose();
}

export const optimizerCases: CaseGroup = async function* (context) {
  const needed = ["adamw.json", "loss_inputs.safetensors", "model_distilled.safetensors"];
  if (!needed.every((file) => context.has(file))) return;
  const executor = await parityExecutor(context);
  yield* firstStep(context, executor);
  yield* tenSteps(context, executor);
  yield* slowAverage(context, executor);
  yield* decayedToken(context, executor);
  await executor.dispose();
};
