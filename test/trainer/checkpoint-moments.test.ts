// Checkpoint moments: what an optimizer keeps is saved and restored; a checkpoint of SGD with the second moment that older
// versions wrote continues with the same bits, and files that are not this run's are refused by their path.

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import type { DrawMath } from "../../runtime/draw/random.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { Training } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import {
  floatTensors,
  readSafetensors,
  storedFloats,
  writeSafetensors,
} from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { lastCheckpoint } from "../../trainer/checkpoint/load.js";
import { openCheckpoints } from "../../trainer/checkpoint/save.js";
import { restoreTraining } from "../../trainer/core/checkpoint-files.js";
import { MICRO, trainingInputs, trainingOptions } from "../executors/micro-deit.js";
import { fakeRun, fakeSettings } from "./fake-run.js";
import { drawMath } from "./tiny-model.js";

const test = suite<{ folder: string; math: DrawMath; runtime: Runtime }>("checkpoint moments");

test.before(async (context) => {
  context.math = await drawMath();
  context.runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: 1 });
});

test.after(({ runtime }) => runtime.dispose());

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-moments-"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const STEP = {
  ...{ learningRate: 0.01, weightDecay: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, momentum: 0.9 },
  ...{ clipNorm: 0, emaDecay: 0.5 },
};

async function step(training: Training, count: number): Promise<void> {
  await training.accumulate(trainingInputs(MICRO, 4, count));
  await training.apply({ ...STEP, step: count });
}

const bits = (tensors: TensorMap): string =>
  JSON.stringify([...tensors].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString("base64")]));

async function errorOf(work: Promise<void>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(isVitrineError(error));
    return `${error.code}: ${error.message}`;
  }
  return "restored";
}

test("a run of SGD continues from its checkpoint, and from one with an unused second moment", async (context) => {
  const { folder, math, runtime } = context;
  const create = async (weights?: TensorMap) =>
    createTraining(runtime.executor, {
      ...trainingOptions({ optimizer: "sgd" }),
      ...(weights && { weights }),
    });
  const training = await create();
  await step(training, 1);
  const { checkpoint, state } = fakeRun(folder, math, { settings: fakeSettings({ opt: "sgd", ema: true }) });
  await openCheckpoints({ checkpoint, training, state });
  const path = join(folder, "last", "optimizer.safetensors");
  const moments = readSafetensors(readFileSync(path), path);
  assert.not.ok([...moments.tensors.keys()].some((name) => name.startsWith("exp_avg_sq.")));
  assert.ok(moments.tensors.size > 10);

  const model = readFileSync(join(folder, "last", "model.safetensors"));
  const weights = floatTensors(readSafetensors(model, "model"));
  await step(training, 2);
  const wanted = bits(await training.read("weights"));
  const older = new Map(floatTensors(moments));
  for (const [name, tensor] of floatTensors(moments))
    older.set(name.replace("exp_avg.", "exp_avg_sq."), { ...tensor, data: tensor.data.map(() => 0) });
  for (const tensors of [null, older]) {
    if (tensors) writeFileSync(path, writeSafetensors(storedFloats(tensors), { format: "pt" }));
    const resumed = await create(weights);
    await restoreTraining(lastCheckpoint(folder), resumed, state);
    await step(resumed, 2);
    assert.is(bits(await resumed.read("weights")), wanted, tensors ? "an older checkpoint" : "a checkpoint");
    resumed.dispose();
  }
  training.dispose();
});

test("moments and averages of something else are refused by their file", async ({
  folder,
  math,
  runtime,
}) => {
  const training = await createTraining(runtime.executor, trainingOptions({}));
  const { checkpoint, state } = fakeRun(folder, math, { settings: fakeSettings({ ema: true }) });
  await openCheckpoints({ checkpoint, training, state });
  const last = join(folder, "last");
  copyFileSync(join(last, "optimizer.safetensors"), join(folder, "moments"));
  copyFileSync(join(last, "model.safetensors"), join(last, "optimizer.safetensors"));
  const missing = await errorOf(restoreTraining(lastCheckpoint(folder), training, state));
  assert.match(missing, /^weights\/missing-tensor: .*last.optimizer\.safetensors: /);
  copyFileSync(join(folder, "moments"), join(last, "optimizer.safetensors"));
  copyFileSync(join(folder, "moments"), join(last, "ema.safetensors"));
  assert.match(
    await errorOf(restoreTraining(lastCheckpoint(folder), training, state)),
    /^weights\/.*last.ema\.safetensors: /,
  );
  training.dispose();
});

test.run();
