// Dry run: what a run will cost, from a few real steps: parameters, arithmetic, memory, seconds per step, and whether
// the data or the computation will be waited for. Nothing is written, and what was trained is thrown away.

import type { Batch } from "../runtime/batches/batch-source.js";
import { counted } from "../runtime/batches/class-counts.js";
import { multiplyAdds } from "../runtime/graph/multiply-adds.js";
import { elementCount } from "../runtime/graph/tensor.js";
import { classifierGraph } from "../runtime/inference/step.js";
import { familyOf } from "../runtime/models/families.js";
import { planTraining } from "../runtime/training/plan.js";
import { expectNotInterrupted } from "./core/interruption.js";
import { prepareStep, type TeacherLogits } from "./core/objective.js";
import type { TrainingRun } from "./core/run.js";
import { trainedEpochs, trainedSteps } from "./core/schedule.js";
import { finishStep, startStep } from "./core/train-step.js";
import { wrap } from "./lines.js";
import { isTeacherAddress } from "./teacher-address.js";

/** Fields of `--dry-run --json`. Rates are images per second. */
export interface DryRunFacts {
  parameters: number;
  /** Of one image: multiply-adds of a forward pass, and of a training step with its backward pass. */
  forwardMultiplyAdds: number;
  trainingMultiplyAdds: number;
  /** Stores and tensors of the training, allocated before the first step. */
  memoryBytes: number;
  device: string;
  batchSize: number;
  steps: number;
  epochs: number | null;
  /** From the data server, while nothing is computed. */
  dataRate: number;
  /** Steps on a batch that is already here, a teacher's server included. */
  computeRate: number;
  /** A teacher's server alone; null without one. */
  teacherRate: number | null;
  /** Steps on batches as they arrive, as in the run. */
  rate: number;
  secondsPerStep: number;
  /** Fraction of such a step spent waiting for data, 0 … 1. */
  dataWait: number;
  /** Of one validation; null without validation data. */
  validationSeconds: number | null;
  validations: number;
  /** Of the whole run: steps and validations. */
  totalSeconds: number;
  bottleneck: "data" | "compute" | "teacher";
  /** What to change next. */
  advice: string;
}

/** How long each of the three measurements takes at most, unless a single step takes longer. */
const SECONDS = 8;
/** Steps of each measurement, after one that is not counted: kernels, caches and connections are cold then. */
const STEPS = { least: 2, most: 30 };
/** Above this fraction of a step, waiting is what limits a run. */
const WAITING = 0.15;

type Clock = () => number;

/** Seconds of one call, from repeated calls within the limits. */
async function secondsOf(body: () => Promise<void>, interruption: AbortSignal, now: Clock): Promise<number> {
  await body();
  const start = now();
  let count = 0;
  while (count < STEPS.least || (count < STEPS.most && now() - start < SECONDS)) {
    expectNotInterrupted(interruption);
    await body();
    count++;
  }
  return (now() - start) / count;
}

/** A batch whose arrays stay, unlike those of a source's. */
function kept(batch: Batch): Batch {
  return {
    ...batch,
    pixels: batch.pixels.slice(),
    labels: batch.labels.slice(),
    partnerLabels: batch.partnerLabels.slice(),
    lambdas: batch.lambdas.slice(),
    weights: batch.weights.slice(),
  };
}

async function nextOf(batches: AsyncIterator<Batch>): Promise<Batch> {
  const { value, done } = await batches.next();
  if (done) throw new Error("the source of batches ended");
  return value;
}

/** More batches than a server may make ahead (credits). */
const MOST_AHEAD = 16;

/** Takes the batches that were made ahead while the device computed: they would hide that the server is slower. */
async function drain(batches: AsyncIterator<Batch>, dataSeconds: number, now: Clock): Promise<void> {
  for (let count = 0; count < MOST_AHEAD; count++) {
    const before = now();
    await nextOf(batches);
    if (now() - before > dataSeconds / 2) return;
  }
}

/** Steps in order, from 1; on a GPU as pipelined as `submit` makes them, one at a time. */
function stepper({ training, objective, schedule, state }: TrainingRun): (batch: Batch) => Promise<void> {
  const context = { training, schedule, settings: state.settings, skippedSteps: 0, world: 1 };
  let step = 0;
  return async (batch) => {
    const prepared = await prepareStep(batch, objective);
    await finishStep(await startStep(context, batch, prepared, ++step));
  };
}

/** The teacher's answer to a batch, where a server gives it. */
function remoteTeacher({ objective: { teacher }, state: { settings } }: TrainingRun): TeacherLogits | null {
  return isTeacherAddress(settings.teacher ?? "") ? teacher : null;
}

interface Measured {
  dataSeconds: number;
  /** Of one batch; null without a teacher's server. */
  teacherSeconds: number | null;
  computeSeconds: number;
  stepSeconds: number;
  dataWait: number;
}

async function measureSteps(run: TrainingRun, now: Clock): Promise<Measured> {
  const { source, interruption } = run;
  const takeStep = stepper(run);
  const batches = source.batches({ epoch: 0, batch: 0 })[Symbol.asyncIterator]();
  try {
    const first = kept(await nextOf(batches));
    const dataSeconds = await secondsOf(async () => void (await nextOf(batches)), interruption, now);
    const teacher = remoteTeacher(run);
    const answer = async () => void (await teacher?.(first.pixels, first.count));
    const teacherSeconds = teacher && (await secondsOf(answer, interruption, now));
    const computeSeconds = await secondsOf(() => takeStep(first), interruption, now);
    await drain(batches, dataSeconds, now);
    let waited = 0;
    let steps = 0;
    const stepSeconds = await secondsOf(
      async () => {
        const before = now();
        const batch = await nextOf(batches);
        if (steps++ > 0) waited += now() - before;
        await takeStep(batch);
      },
      interruption,
      now,
    );
    const dataWait = waited / ((steps - 1) * stepSeconds);
    return { dataSeconds, teacherSeconds, computeSeconds, stepSeconds, dataWait };
  } finally {
    await batches.return?.();
  }
}

/** Seconds of a validation, from its first batches; weights and average are both validated. */
async function validationSeconds(run: TrainingRun, now: Clock): Promise<number | null> {
  const { validation, training, state, interruption } = run;
  if (!validation) return null;
  const { source } = validation;
  const batches = source.batches()[Symbol.asyncIterator]();
  try {
    let images = 0;
    const start = now();
    while (images === 0 || now() - start < SECONDS / 2) {
      expectNotInterrupted(interruption);
      const { value, done } = await batches.next();
      if (done) break;
      await training.evaluate(value.pixels, value.count, "weights");
      if (state.settings.ema) await training.evaluate(value.pixels, value.count, "ema");
      images += value.count;
    }
    return images === 0 ? null : ((now() - start) / images) * source.description.samples;
  } finally {
    await batches.return?.();
  }
}

/** What the planner takes; the count does not depend on the device. */
const ANY_DEVICE = { fuses: new Set<never>(), alignmentBytes: 16, limitBytes: Number.MAX_SAFE_INTEGER };

/** Multiply-adds of one image: the forward pass, and a step with what is recomputed. */
function arithmetic({ objective: { config }, state: { settings } }: TrainingRun): [number, number] {
  const forward = multiplyAdds(classifierGraph(familyOf(config), config, 1));
  const options = { ...settings, config, batchSize: 1, pieces: 1 };
  return [forward, multiplyAdds(planTraining(options, ANY_DEVICE).accumulate.graph)];
}

function bottleneckOf({ dataWait, teacherSeconds, computeSeconds }: Measured): DryRunFacts["bottleneck"] {
  if (dataWait > WAITING) return "data";
  return (teacherSeconds ?? 0) > computeSeconds / 2 ? "teacher" : "compute";
}

function adviceFor(measured: Measured, run: TrainingRun): string {
  const { dataSeconds, computeSeconds, stepSeconds, dataWait } = measured;
  const { settings, device } = run.state;
  const workers =
    "raise --workers (of the data server, if there is one), or use a data server on another machine";
  if (dataWait > WAITING)
    return dataSeconds > computeSeconds
      ? workers
      : "training and decoding take turns on the same cores: use a data server on another machine, or lower --threads";
  if (bottleneckOf(measured) === "teacher")
    return "serve the teacher on a GPU or on a machine of its own, with a larger --max-batch, or take a smaller one";
  if (stepSeconds > 1.3 * computeSeconds)
    return "decoding takes cores from the training: use a data server on another machine, or lower --workers";
  if (settings.recompute)
    return "leave --recompute out if the memory allows it: a step then takes about a quarter less";
  if (device.startsWith("wasm"))
    return "a GPU (--device webgpu), a smaller --model, or fewer --epochs or --steps";
  return settings.accumulate > 1
    ? "fewer pieces (--accumulate) use a GPU better, if the memory allows it"
    : "a larger --batch-size uses a GPU better, if the memory allows it; else a smaller --model";
}

function runSteps({ state: { settings }, source }: TrainingRun): number {
  return trainedSteps(settings, source.batchesPerEpoch);
}

/** Measures a prepared run, which cannot be trained afterwards. `now`: seconds. Throws what a step throws. */
export async function measureRun(
  run: TrainingRun,
  now: Clock = () => performance.now() / 1000,
): Promise<DryRunFacts> {
  const { training, objective, state, source } = run;
  const { batchSize } = state.settings;
  const [forwardMultiplyAdds, trainingMultiplyAdds] = arithmetic(run);
  const measured = await measureSteps(run, now);
  const { dataSeconds, teacherSeconds, computeSeconds, stepSeconds, dataWait } = measured;
  const validating = await validationSeconds(run, now);
  const steps = runSteps(run);
  const epochCount = Math.ceil(steps / source.batchesPerEpoch);
  const validations = validating === null ? 0 : Math.ceil(epochCount / state.settings.valInterval);
  const shapes = familyOf(objective.config).parameters(objective.config);
  return {
    parameters: [...shapes.values()].reduce((sum, shape) => sum + elementCount(shape), 0),
    forwardMultiplyAdds,
    trainingMultiplyAdds,
    memoryBytes: training.bytes,
    device: state.device,
    batchSize,
    steps,
    epochs: trainedEpochs(state.settings),
    dataRate: batchSize / dataSeconds,
    computeRate: batchSize / computeSeconds,
    teacherRate: teacherSeconds === null ? null : batchSize / teacherSeconds,
    rate: batchSize / stepSeconds,
    secondsPerStep: stepSeconds,
    dataWait,
    validationSeconds: validating,
    validations,
    totalSeconds: steps * stepSeconds + validations * (validating ?? 0),
    bottleneck: bottleneckOf(measured),
    advice: adviceFor(measured, run),
  };
}

/** `3 h 20 min`, `8 min 5 s`, `0.42 s`. */
function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toPrecision(2)} s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  if (hours >= 48) return `${(seconds / 86400).toFixed(1)} days`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.round(seconds)} s`;
}

const amount = (count: number): string =>
  count < 1e9 ? `${(count / 1e6).toPrecision(3)} M` : `${(count / 1e9).toPrecision(3)} G`;
/** Three digits; from 1,000 on whole numbers, since toPrecision would write 1.13e+3. */
const rate = (value: number): string =>
  `${value < 999.5 ? value.toPrecision(3) : Math.round(value).toLocaleString("en")} images/s`;
const percent = (fraction: number): string => `${Math.round(100 * fraction)}%`;

/** A finding that only some runs have. */
const line = (name: string, text: string | null): [string, string][] => (text === null ? [] : [[name, text]]);

/** The findings, for people, in lines of at most 80 columns. */
export function describeDryRun(facts: DryRunFacts): string[] {
  const { steps, epochs, batchSize, teacherRate, validations, validationSeconds: validating } = facts;
  const inSteps = counted(steps, "step", "steps");
  const length = epochs === null ? inSteps : `${counted(epochs, "epoch", "epochs")}, ${inSteps}`;
  const arithmeticRate = amount(facts.trainingMultiplyAdds * facts.computeRate);
  const lines: [string, string][] = [
    ["parameters", facts.parameters.toLocaleString("en")],
    [
      "arithmetic",
      `${amount(facts.forwardMultiplyAdds)} multiply-adds an image forward, ${amount(facts.trainingMultiplyAdds)} in training`,
    ],
    ["memory", `${(facts.memoryBytes / 2 ** 20).toFixed(0)} MiB for training`],
    ["data alone", rate(facts.dataRate)],
    ...line(
      "teacher alone",
      teacherRate === null ? null : `${rate(teacherRate)}, asked before each step is computed`,
    ),
    [
      teacherRate === null ? "compute alone" : "teacher+compute",
      `${rate(facts.computeRate)}, ${arithmeticRate} multiply-adds a second on ${facts.device}`,
    ],
    [
      "together",
      `${rate(facts.rate)}: ${duration(facts.secondsPerStep)} a step of ${batchSize}, ${percent(facts.dataWait)} of it waiting for data`,
    ],
    ...line(
      "validation",
      validating === null
        ? null
        : `${duration(validating)} each time, ${counted(validations, "time", "times")}`,
    ),
    ["whole run", `${length}: about ${duration(facts.totalSeconds)}`],
    ["bottleneck", `${facts.bottleneck}; next: ${facts.advice}`],
  ];
  const wrapped = lines.flatMap(([name, text]) => wrap(`  ${name.padEnd(16)}`, text.split(" ")));
  return ["dry run, nothing is written:", ...wrapped];
}
