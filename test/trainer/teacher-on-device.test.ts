// Teacher on the device: on a GPU its logits stay there for the step, with the same bytes as through the host. No step
// waits for them, and none leaks a buffer.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { LossTerms, Training, TrainingInputs } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { prepareRun } from "../../trainer/prepare.js";
import { openTeacher } from "../../trainer/teacher.js";
import type { Teacher } from "../../trainer/teacher-contract.js";
import { randomPixels, STEP, trainingInputs, trainingOptions } from "../executors/micro-deit.js";
import { observedHost, runtimeOrSkip } from "../executors/webgpu-device.js";
import { idle, withholdResults } from "../executors/withheld-results.js";
import { SYNTHETIC_REGNETY, writeRegnetyFolder } from "../models/synthetic-regnety.js";
import { FakeSource, silentProgress } from "./fake-run.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";

const CONFIG = tinyConfig({ depth: 2 });
const LABELS = ["a", "b", "c"];
const BATCH = 4;

interface Context {
  folder: string;
  /** Model folders by family, each with its own class order. */
  teachers: Record<string, string>;
}

const test = suite<Context>("teacher on the device");

test.before(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-teacher-"));
  const regnety = { ...SYNTHETIC_REGNETY, classes: 3 };
  const order = ["c", "a", "b"];
  context.teachers = {
    deit: await writeTinyModel(join(context.folder, "deit"), CONFIG, order, 7),
    plain: await writeTinyModel(join(context.folder, "plain"), { ...CONFIG, distilled: false }, LABELS, 8),
    regnety: writeRegnetyFolder(join(context.folder, "regnety"), regnety, order),
  };
});

test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

function openFor(runtime: Runtime, path: string, pieces = 1): Promise<Teacher> {
  return openTeacher(runtime, {
    path,
    batchSize: BATCH / pieces,
    labels: LABELS,
    imageSize: CONFIG.imageSize,
  });
}

function studentOn(runtime: Runtime, pieces = 1): Promise<Training> {
  const options = trainingOptions({ config: CONFIG, distillation: "soft", tau: 2, pieces });
  return createTraining(runtime.executor, options);
}

async function inputsOf(step: number, answer: NonNullable<Teacher["onDevice"]>): Promise<TrainingInputs> {
  const inputs = trainingInputs(CONFIG, BATCH, step);
  return { ...inputs, teacherLogits: await answer(inputs.pixels, BATCH) };
}

const submit = (training: Training, inputs: TrainingInputs, step: number) =>
  (training as Required<Training>).submit(inputs, { ...STEP, step, clipNorm: 0.5 });

type Answer = NonNullable<Teacher["onDevice"]>;

async function threeSteps(runtime: Runtime, answer: Answer, pieces: number) {
  const training = await studentOn(runtime, pieces);
  const losses: number[] = [];
  for (let step = 1; step <= 3; step++) {
    const { outcome } = await submit(training, await inputsOf(step, answer), step);
    const { loss, gradientNorm, terms } = await outcome;
    losses.push(loss, gradientNorm, ...Object.values(terms as LossTerms));
  }
  const weights: TensorMap = await training.read("weights");
  training.dispose();
  return { losses, weights };
}

const found = await runtimeOrSkip("webgpu");
if (found) {
  const executor = found.executor as WebgpuExecutor;

  for (const family of ["deit", "plain", "regnety"])
    for (const pieces of [1, 2])
      test(`${family}: steps in ${pieces} give the same results as through the host`, async ({
        teachers,
      }) => {
        const teacher = await openFor(found, teachers[family], pieces);
        const want = await threeSteps(found, teacher.logits, pieces);
        const got = await threeSteps(found, teacher.onDevice as Answer, pieces);
        assert.equal(got.losses, want.losses);
        assert.is.not(want.losses[0], want.losses[5]);
        for (const [name, { data }] of want.weights) assert.equal(got.weights.get(name)?.data, data, name);
        teacher.dispose();
      });

  test("three steps and their teacher's logits are submitted before any result is read", async ({
    teachers,
  }) => {
    const { host, opened } = observedHost();
    const runtime = await createRuntime({ host, device: "webgpu" });
    const teacher = await openFor(runtime, teachers.deit as string);
    const training = await studentOn(runtime);
    const results = withholdResults(opened[0] as GPUDevice);
    for (let step = 1; step <= 3; step++)
      await submit(training, await inputsOf(step, teacher.onDevice as Answer), step);
    await idle(opened[0]);
    assert.is(
      results.waiting(),
      9,
      "of a step the losses, the norm, and copies of the teacher's logits are read",
    );
    results.release();
    await runtime.dispose();
  });

  test("later steps allocate no buffers beyond the first's, and neither does one that is refused", async ({
    teachers,
  }) => {
    const teacher = await openFor(found, teachers.deit as string, 2);
    const training = await studentOn(found, 2);
    const answer = teacher.onDevice as Answer;
    const round = async (step: number) => {
      await (await submit(training, await inputsOf(step, answer), step)).outcome;
      await training.accumulate(await inputsOf(step, answer));
      await training.apply({ ...STEP, step });
    };
    await round(1);
    const { memory } = executor;
    for (let step = 2; step <= 20; step++) {
      await round(step);
      assert.equal(executor.memory, memory, `step ${step}`);
    }
    const inputs = await inputsOf(21, answer);
    await submit(training, { ...inputs, targets: new Float32Array(2) }, 21).then(
      () => assert.unreachable(),
      (error) => assert.is(isVitrineError(error) && error.code, "graph/input"),
    );
    assert.equal(executor.memory, memory);
    training.dispose();
    teacher.dispose();
  });

  test("a number of images that is not a multiple of the program's batch is refused", async ({
    teachers,
  }) => {
    const teacher = await openFor(found, teachers.deit as string, 2);
    const answer = (count: number) => teacher.onDevice?.(randomPixels(CONFIG, count, 1), count);
    await answer(3)?.then(
      () => assert.unreachable(),
      (error) => assert.match(error.message, /3 images, wanted a multiple of 2/),
    );
    teacher.dispose();
  });

  test.after(() => found.dispose());
}

for (const device of found ? ["wasm", "webgpu"] : ["wasm"])
  test(`a run on ${device} takes them ${device === "wasm" ? "from the host" : "on the device"}`, async ({
    folder,
    teachers,
  }) => {
    const given = new Map<string, string | number | boolean>([
      ["--model", join(teachers.deit as string, "config.json")],
      ["--teacher", teachers.plain as string],
      ["--distillation", "soft"],
      ["--batch-size", BATCH],
      ["--accumulate", 2],
      ["--steps", 2],
    ]);
    const request = { out: join(folder, device), resume: false, given, validation: null, checkpointEvery: 3 };
    const { run, close } = await prepareRun({
      request: { ...request, device, gpuTier: null, threads: 1 },
      sources: {
        openRuntime: (choice) => createRuntime({ ...choice, host: nodeHost(), trains: true }),
        connect: async () => new FakeSource(),
        openValidation: () => assert.unreachable() as never,
      },
      progress: silentProgress(),
      interruption: new AbortController().signal,
    });
    const answer = await run.objective.teacher?.(randomPixels(CONFIG, BATCH, 1), BATCH);
    if (device === "wasm") assert.instance(answer, Float32Array);
    else if (Array.isArray(answer)) assert.equal([answer.length, answer[0]?.count], [2, (BATCH / 2) * 3]);
    else assert.unreachable();
    await close();
  });

test.run();
