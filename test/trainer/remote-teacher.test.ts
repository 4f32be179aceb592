// Remote teacher: a served RegNetY answers as the same files do in the trainer's process, and everything that can go
// wrong with a server ends in a typed error, with the run kept.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import type { Runtime } from "../../runtime/runtime.js";
import { createEngine, type ServedModel } from "../../server/inference/engine/engine.js";
import { DEFAULT_LIMITS, startInferenceServer } from "../../server/inference/inference-server.js";
import { createInferenceHandlers } from "../../server/inference/protocol/grpc-service.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { loadState } from "../../trainer/checkpoint/load.js";
import { train } from "../../trainer/core/loop.js";
import type { RunRequest } from "../../trainer/core/run.js";
import { prepareRun } from "../../trainer/prepare.js";
import { connectTeacher, type RemoteTeacherOptions } from "../../trainer/remote-teacher.js";
import { openTeacher } from "../../trainer/teacher.js";
import { weightsDigest } from "../../trainer/weights-digest.js";
import { runVitrine, startServer } from "../data/server-process.js";
import { createDataSet } from "../data/synthetic-data-set.js";
import { addressOf, runCommand } from "../inference/run-command.js";
import { SYNTHETIC_REGNETY, writeRegnetyFolder } from "../models/synthetic-regnety.js";
import { Random } from "../nn/random.js";
import { FakeSource, silentProgress } from "./fake-run.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";

const SIZE = 32;
const IMAGE_BYTES = SIZE * SIZE * 3;
const CONVNET = { ...SYNTHETIC_REGNETY, classes: 3 };
/** The student's order is another one. */
const ORDER = ["c", "a", "b"];
const LABELS = ["a", "b", "c"];

interface Context {
  folder: string;
  path: string;
  runtime: Runtime;
  model: Model;
  served: ServedModel;
}

const test = suite<Context>("remote teacher");

test.before(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-remote-teacher-"));
  context.path = writeRegnetyFolder(join(context.folder, "convnet"), CONVNET, ORDER);
  context.runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
  const source = nodeModelSource(context.path);
  context.model = await loadModel(context.runtime, source);
  context.served = {
    ...context.model,
    device: "wasm",
    weightsDigest: await weightsDigest(source),
    readPicture: () => assert.unreachable() as never,
  };
});

test.after(async ({ folder, model, runtime }) => {
  model.dispose();
  await runtime.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function serve(
  model: ServedModel,
  { graceMs, ...limits }: { maxBatch?: number; maxMessageBytes?: number; graceMs?: number } = {},
) {
  const grace = graceMs !== undefined && { graceMs };
  return startInferenceServer({ models: [model], listen: "127.0.0.1:0", version: "1", limits, ...grace });
}

const randomPixels = (count: number) => {
  const random = new Random(9);
  return Uint8Array.from({ length: count * IMAGE_BYTES }, () => random.between(0, 255));
};

function teacherAt(address: string, changes: Partial<RemoteTeacherOptions> = {}) {
  return connectTeacher({
    ...{
      path: `grpc://${address}/convnet`,
      labels: LABELS,
      imageSize: SIZE,
      timeoutSeconds: 20,
      retryMs: 30,
    },
    ...{ signal: new AbortController().signal, onNotice: () => {}, ...changes },
  });
}

async function failure(work: Promise<unknown>): Promise<VitrineError> {
  try {
    await work;
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
  return assert.unreachable("it did not fail") as never;
}

test("a batch is answered with the logits of a local teacher, bit for bit, in the student's order", async ({
  path,
  runtime,
  served,
}) => {
  const server = await serve(served, { maxBatch: 4 });
  const local = await openTeacher(runtime, { path, batchSize: 10, labels: LABELS, imageSize: SIZE });
  const pixels = randomPixels(10);
  const wanted = await local.logits(pixels, 10);
  const remote = await teacherAt(server.address);
  assert.equal(await remote.logits(pixels, 10), wanted);
  assert.is(remote.sha256, local.sha256);
  assert.match(remote.description ?? "", /convnet on vitrine_wasm, 3 classes, up to 4 images a request/);
  const byIndex = await teacherAt(server.address, { classesBy: "index", labels: ["x", "y", "z"] });
  const own = Array.from(wanted, (_, place) => wanted[place - (place % 3) + [2, 0, 1][place % 3]]);
  assert.equal(Array.from((await byIndex.logits(pixels, 10)) as Float32Array), own);
  for (const teacher of [local, remote, byIndex]) teacher.dispose();
  await server.drain();
});

test("no request is larger than the server takes, in images or in bytes", async ({ served }) => {
  const counts: number[] = [];
  const counted: ServedModel = {
    ...served,
    submit: (pixels, count) => {
      counts.push(count);
      return served.submit(pixels, count);
    },
  };
  const pixels = randomPixels(5);
  // Two images and what is around them; the server would run eight.
  const server = await serve(counted, { maxMessageBytes: 2 * IMAGE_BYTES + 5000 });
  const teacher = await teacherAt(server.address);
  assert.is((await teacher.logits(pixels, 5)).length, 15);
  assert.ok(counts.every((count) => count <= 4) && counts.length >= 2, counts.join());
  assert.match(teacher.description ?? "", /up to 2 images/);
  teacher.dispose();
  await server.drain();
});

test("a teacher of another size or other classes, and a model that is not there, are refused", async ({
  served,
}) => {
  const server = await serve(served);
  const { address } = server;
  const refusal = async (changes: Partial<RemoteTeacherOptions>) => {
    const { code, message } = await failure(teacherAt(address, changes));
    return `${code}: ${message}`;
  };
  assert.match(
    await refusal({ imageSize: 64 }),
    /^training\/teacher-size: .*convnet: the teacher takes 32×32 pixels.*64×64/,
  );
  assert.match(
    await refusal({ labels: ["a", "b"] }),
    /^training\/teacher-classes: .*has 3 classes, the student 2/,
  );
  assert.match(
    await refusal({ labels: ["a", "b", "x"] }),
    /^training\/teacher-classes: .*"x" is not one of the teacher's/,
  );
  assert.match(
    await refusal({ path: `grpc://${address}/other` }),
    /^protocol\/unknown-model: no model "other"; .*"convnet"/,
  );
  await server.drain();
});

test("addresses that are none are refused before anything is opened", async () => {
  for (const path of ["grpc://", "grpc://host", "grpc://host:99999/m", "grpc:///m"]) {
    const { code, message } = await failure(teacherAt("", { path }));
    assert.is(code, "usage/address");
    assert.match(message, /grpc:\/\/HOST:PORT\/MODEL/);
  }
});

/** A server whose readiness and handlers the test decides. */
async function bareServer(served: ServedModel, isReady: () => boolean, changes?: object) {
  const limits = { ...DEFAULT_LIMITS, maxBatch: 4, maxQueue: 64, maxMessageBytes: 1 << 20 };
  const repository = fixedRepository([createEngine(served, { version: "1", limits })]);
  const handlers = createInferenceHandlers({ repository, version: "1", isReady });
  const server = new Server();
  server.addService(INFERENCE_SERVICE, { ...handlers, ...changes });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

test("a server that is not ready, or is none of a classifier, is refused", async ({ served }) => {
  const loading = await bareServer(served, () => false);
  const early = await failure(teacherAt(loading.address));
  assert.is(early.code, "training/teacher-server");
  assert.match(early.message, /not ready/);
  loading.stop();
  const metadata = { name: "sound", inputs: [{ name: "audio", datatype: "FP32", shape: [-1] }], outputs: [] };
  const other = await bareServer(served, () => true, {
    ModelMetadata: (_call: unknown, answer: (error: null, value: object) => void) => answer(null, metadata),
  });
  const foreign = await failure(teacherAt(other.address));
  assert.is(foreign.code, "training/teacher-server");
  assert.match(foreign.message, /takes pixels UINT8.*this one has audio FP32 \[-1\]/);
  other.stop();
  const huge = {
    ...{ name: "huge", inputs: [{ name: "pixels", datatype: "UINT8", shape: [-1, SIZE, SIZE, 3] }] },
    outputs: [{ name: "logits", datatype: "FP32", shape: [-1, 2 ** 50] }],
  };
  const boundless = await bareServer(served, () => true, {
    ModelMetadata: (_call: unknown, answer: (error: null, value: object) => void) => answer(null, huge),
  });
  assert.is((await failure(teacherAt(boundless.address))).code, "training/teacher-server");
  boundless.stop();
});

test("a call is tried twice; a server that stays away, or never answers, ends in a typed error in time", async ({
  served,
}) => {
  const notices: string[] = [];
  const onNotice = (text: string) => void notices.push(text);
  const nobody = await failure(teacherAt("127.0.0.1:9", { onNotice }));
  assert.is(nobody.code, "training/teacher-server");
  assert.match(nobody.message, /did not answer twice in a row.*127\.0\.0\.1:9.*--teacher/);
  assert.is(notices.length, 1);
  assert.match(notices[0], /once more/);

  let calls = 0;
  const faulty: ServedModel = {
    ...served,
    submit: async (pixels, count) => {
      if (++calls === 1) throw new VitrineError("device/lost", "the GPU was lost");
      return served.submit(pixels, count);
    },
  };
  const server = await serve(faulty);
  const teacher = await teacherAt(server.address);
  assert.is((await teacher.logits(randomPixels(2), 2)).length, 6);
  assert.is(calls, 2);
  teacher.dispose();
  await server.drain();

  const mute = await serve({ ...served, submit: () => new Promise(() => {}) }, { graceMs: 1 });
  const waiting = await teacherAt(mute.address, { timeoutSeconds: 0.2 });
  const start = performance.now();
  const late = await failure(waiting.logits(randomPixels(1), 1));
  assert.is(late.code, "training/teacher-server");
  assert.is(late.details.reason, "network/deadline");
  assert.ok(performance.now() - start < 5_000);
  const controller = new AbortController();
  const patient = await teacherAt(mute.address, { signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  assert.is((await failure(patient.logits(randomPixels(1), 1))).code, "training/interrupted");
  waiting.dispose();
  patient.dispose();
  await mute.drain();
});

test("answers that are no logits of the batch are refused", async ({ served }) => {
  const nan = await serve({
    ...served,
    submit: async (pixels, count) => {
      const { underway, outcome } = await served.submit(pixels, count);
      return {
        underway,
        outcome: outcome.then(({ classLogits }) => ({ classLogits, logits: classLogits.fill(Number.NaN) })),
      };
    },
  });
  const teacher = await teacherAt(nan.address);
  assert.match((await failure(teacher.logits(randomPixels(1), 1))).message, /not finite/);
  teacher.dispose();
  await nan.drain();
});

test("a server that was restarted with other weights is noticed", async ({ served }) => {
  const first = await serve(served);
  const teacher = await teacherAt(first.address);
  await teacher.logits(randomPixels(1), 1);
  await first.drain();
  const second = await startInferenceServer({
    ...{ models: [{ ...served, weightsDigest: "0".repeat(64) }], listen: first.address, version: "1" },
  });
  assert.is((await failure(teacher.logits(randomPixels(1), 1))).code, "checkpoint/teacher");
  teacher.dispose();
  await second.drain();
});

async function prepared(
  { folder, path }: Pick<Context, "folder" | "path">,
  { out, teacher = path, ...rest }: Partial<RunRequest> & { out: string; teacher?: string },
  source = new FakeSource(),
) {
  const student = await writeTinyModel(join(folder, "student"), tinyConfig(), LABELS, 1);
  const given = new Map<string, string | number | boolean>([
    ["--teacher", teacher],
    ...(rest.resume
      ? []
      : ([
          ["--model", join(student, "config.json")],
          ["--distillation", "soft"],
          ["--batch-size", 4],
          ["--steps", 6],
        ] as const)),
  ]);
  const request = { out, resume: false, given, validation: null, checkpointEvery: 100, ...rest };
  return prepareRun({
    request: { ...request, device: "wasm", gpuTier: null, threads: 1 },
    sources: {
      openRuntime: (choice) => createRuntime({ ...choice, host: nodeHost(), trains: true }),
      connect: async () => source,
      openValidation: () => assert.unreachable() as never,
    },
    progress: silentProgress(),
    interruption: new AbortController().signal,
  });
}

const weightsOf = (out: string): Buffer => readFileSync(join(out, "last", "model.safetensors"));

test("a server that dies in a run leaves its last step, and the run continues where the teacher is served again", async (context) => {
  const { folder, served } = context;
  const whole = join(folder, "whole");
  const local = await prepared(context, { out: whole });
  await train(local.run);
  await local.close();

  const server = await serve(served);
  const source = new FakeSource(async ({ batch }) => {
    if (batch === 3) await server.drain();
  });
  const out = join(folder, "cut");
  const cut = await prepared(context, { out, teacher: `grpc://${server.address}/convnet` }, source);
  const error = await failure(train(cut.run));
  await cut.close();
  assert.is(error.code, "training/teacher-server");
  assert.match(
    error.message,
    /start it again with the same model.*last holds step 3; continue with --resume\)$/,
  );
  assert.is((await loadState(out)).step, 3);

  // Other weights, and then the same at another address.
  const foreign = await serve({ ...served, weightsDigest: "0".repeat(64) });
  const refusal = await failure(
    prepared(context, { out, resume: true, teacher: `grpc://${foreign.address}` }),
  );
  assert.is(refusal.code, "checkpoint/teacher");
  await foreign.drain();
  const again = await serve(served);
  const resumed = await prepared(context, { out, resume: true, teacher: `grpc://${again.address}` });
  await train(resumed.run);
  await resumed.close();
  await again.drain();
  assert.ok(weightsOf(out).equals(weightsOf(whole)));
});

test("the commands: `train` with a served teacher writes the weights of a local one, and its config.yaml does so again", async ({
  folder,
}) => {
  const set = createDataSet(24);
  const path = writeRegnetyFolder(join(folder, "teacher"), CONVNET, ["emu", "cat", "dog"]);
  const student = await writeTinyModel(join(folder, "pupil"), tinyConfig(), ["cat", "dog", "emu"], 1);
  const data = await startServer(set.path);
  const server = runCommand(
    "serve",
    "--model",
    path,
    "--listen",
    "127.0.0.1:0",
    "--device",
    "wasm",
    "--max-batch",
    "3",
  );
  try {
    const address = `grpc://${await addressOf(server)}/teacher`;
    const run = (name: string, ...flags: string[]) =>
      runVitrine([
        "train",
        "--data-server",
        data.address,
        "--out",
        join(folder, name),
        "--no-report",
        ...flags,
      ]);
    const common = ["--model", join(student, "config.json"), "--distillation", "hard", "--device", "wasm"];
    const length = ["--steps", "3", "--batch-size", "8", "--accumulate", "2", "--threads", "1"];
    const here = await run("here", ...common, ...length, "--teacher", path);
    assert.is(here.status, 0, here.errors);
    const remote = await run("remote", ...common, ...length, "--teacher", address);
    assert.is(remote.status, 0, remote.errors);
    assert.match(remote.output, /^teacher +grpc:.*vitrine_wasm, 3 classes, up to 3\s+images a request$/m);
    const again = await run("again", "-c", join(folder, "remote", "config.yaml"));
    assert.is(again.status, 0, again.errors);
    for (const name of ["remote", "again"])
      assert.ok(weightsOf(join(folder, name)).equals(weightsOf(join(folder, "here"))), name);
    const dry = await run("dry", ...common, ...length, "--teacher", address, "--dry-run", "--json");
    assert.is(dry.status, 0, dry.errors);
    assert.match(dry.errors, /teacher alone +[\d.,]+ images\/s, asked before each step/);
    assert.ok(JSON.parse(dry.output).teacherRate > 0);
    const longer = await run("remote", "--resume", "--steps", "4");
    assert.is(longer.status, 0, longer.errors);
  } finally {
    server.child.kill("SIGTERM");
    await server.ended;
    await data.stop("SIGKILL");
    set.remove();
  }
});

test.run();
