// Resume: real processes that are killed in the middle of an epoch, with everything on that could carry hidden state:
// teacher, average, mixing, erasing, stochastic depth, validation. The files must be the same, byte for byte.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runVitrine, type ServerProcess, startServer } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { tinyConfig, writeTinyModel } from "../trainer/tiny-model.js";
import { reachStep, readMetrics, startTrainer, type TrainerProcess } from "../trainer/trainer-process.js";

interface Context {
  set: SyntheticDataSet;
  folder: string;
  model: string;
  teacher: string;
  server: ServerProcess;
  /** Files of the uninterrupted run. */
  expected: Map<string, string>;
}

const test = suite<Context>("resume");

/** 40 images: 10 batches per epoch, 40 steps. */
const EPOCHS = 4;
const BATCHES = 10;

function flags({ folder, set, model, teacher, server }: Context, run: string): string[] {
  return [
    ...["--data-server", server.address, "--val", set.path, "--out", join(folder, run)],
    ...["--model", join(model, "config.json"), "--teacher", teacher, "--distillation", "hard"],
    ...["--epochs", `${EPOCHS}`, "--batch-size", "4", "--lr", "0.1", "--warmup-epochs", "1", "--seed", "7"],
    // Credit for about two batches: a server that dies takes most of the epoch with it.
    ...["--data-credit", "0.03"],
    ...["--reprob", "0.5", "--drop-path", "0.2", "--ema-decay", "0.9", "--checkpoint-every", "3"],
    ...["--threads", "1"],
  ];
}

/** `last/model.safetensors` → its bytes in hexadecimal, for every file of both checkpoints. */
function checkpointFiles(run: string): Map<string, string> {
  const files = ["last", "best"].flatMap((name) =>
    readdirSync(join(run, name)).map((file) => join(name, file)),
  );
  return new Map(files.sort().map((file) => [file, readFileSync(join(run, file)).toString("hex")]));
}

function assertSameFiles(run: string, expected: Map<string, string>): void {
  const found = checkpointFiles(run);
  assert.equal([...found.keys()], [...expected.keys()]);
  for (const [file, bytes] of expected) assert.ok(found.get(file) === bytes, `${file} differs`);
}

/** The columns of metrics.csv that do not depend on the clock. */
function curve(run: string): string[] {
  const clock = ["images_per_second", "data_wait"];
  return readMetrics(run).map((row) =>
    Object.entries(row)
      .filter(([name]) => !clock.includes(name))
      .join(";"),
  );
}

async function finish(trainer: TrainerProcess): Promise<void> {
  const status = await trainer.ended;
  assert.is(status, 0, trainer.errors());
}

test.before(async (context) => {
  context.set = createDataSet(4 * BATCHES);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-resume-"));
  // Seven classes of its own: a new run takes the number from the data set.
  const others = [..."abcdefg"];
  context.model = await writeTinyModel(join(context.folder, "sizes"), tinyConfig({ classes: 7 }), others, 0);
  // The teacher has its classes in another order, as one trained elsewhere would.
  const teacher = tinyConfig({ distilled: false, dim: 48, heads: 3, mean: [0.5, 0.5, 0.5] });
  context.teacher = await writeTinyModel(join(context.folder, "teacher"), teacher, ["emu", "cat", "dog"], 5);
  context.server = await startServer(context.set.path);
  const run = join(context.folder, "undisturbed");
  await finish(startTrainer(flags(context, "undisturbed")));
  context.expected = checkpointFiles(run);
});

test.after(async ({ set, folder, server }) => {
  await server.stop("SIGKILL");
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("the uninterrupted run wrote two model folders, the last one with everything to continue from", ({
  expected,
}) => {
  const model = ["config.json", "ema.safetensors", "model.safetensors"];
  const wanted = [
    ...model.map((name) => join("best", name)),
    ...[...model, "optimizer.safetensors", "state.json"].map((name) => join("last", name)),
  ];
  assert.equal([...expected.keys()], wanted);
});

test("a trainer killed twice in mid-epoch and resumed ends with the same files, byte for byte", async (context) => {
  const run = join(context.folder, "killed");
  const resume = ["--data-server", context.server.address, "--out", run, "--resume"];
  for (const [step, args] of [
    [2 * BATCHES - 5, flags(context, "killed")],
    [3 * BATCHES - 2, resume],
  ] as const) {
    const trainer = startTrainer(args);
    await reachStep(trainer, run, step);
    trainer.process.kill("SIGKILL");
    assert.is(await trainer.ended, "SIGKILL");
    const state = JSON.parse(readFileSync(join(run, "last", "state.json"), "utf8"));
    assert.not(state.finished, "the kill came too late to prove anything");
  }
  await finish(startTrainer(resume));
  assertSameFiles(run, context.expected);
  assert.equal(curve(run), curve(join(context.folder, "undisturbed")));
  const files = readdirSync(run).map((name) => name.replace(/(tfevents)\..*/, "$1"));
  const top = ["log.txt", "metrics.csv", "top"];
  const kept = ["best", "config.yaml", "events.out.tfevents", "last", ...top];
  assert.equal([...new Set(files)].sort(), kept, "nothing temporary is left");
  const log = readFileSync(join(run, "log.txt"), "utf8").trimEnd().split("\n");
  assert.ok(log.every((line) => /^\d{4}-\d\d-\d\dT[\d:.]+Z /.test(line)));
  assert.is(log.filter((line) => line.includes(" resumed ")).length, 2, "every start is in the log");
  for (const line of ["validation at step 10, 40 images: top-1", "finished: 40 steps"])
    assert.is(log.filter((text) => text.includes(line)).length, 1, line);
});

/** A trainer killed at any moment: how many times, and the seed of the moments; a longer search sets both. */
const KILLS = Number(process.env.VITRINE_KILLS ?? 4);
const KILL_SEED = Number(process.env.VITRINE_KILL_SEED ?? Date.now() % 100_000);

/** Resolves when RUN/last says that a validation is owed. */
async function reachValidation(trainer: TrainerProcess, run: string): Promise<void> {
  const path = join(run, "last", "state.json");
  let ended = false;
  void trainer.ended.then(() => {
    ended = true;
  });
  while (!ended) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    if (/"owedValidation": \{/.test(text)) return;
    await delay(1);
  }
  throw new Error(`no validation was seen: ${trainer.errors()}`);
}

test(`a trainer killed inside a validation, and at ${KILLS} random moments (seed ${KILL_SEED}), ends with the same files`, async (context) => {
  const run = join(context.folder, "murdered");
  const resume = ["--data-server", context.server.address, "--out", run, "--resume"];
  const started = performance.now();
  const first = startTrainer(flags(context, "murdered"));
  await reachValidation(first, run);
  const span = performance.now() - started;
  first.process.kill("SIGKILL");
  await first.ended;
  let state = KILL_SEED;
  for (let kill = 0; kill < KILLS; kill++) {
    // A linear congruential generator: moments are the same for the same seed.
    state = (1_103_515_245 * state + 12_345) % 2 ** 31;
    const trainer = startTrainer(resume);
    await Promise.race([trainer.ended, delay((span * 1.2 * state) / 2 ** 31)]);
    trainer.process.kill("SIGKILL");
    const status = await trainer.ended;
    assert.ok(status === "SIGKILL" || status === 0, `${status}: ${trainer.errors()}`);
  }
  await finish(startTrainer(resume));
  assertSameFiles(run, context.expected);
  assert.equal(curve(run), curve(join(context.folder, "undisturbed")));
});

test("Ctrl-C is acknowledged and honored inside a validation, and a second trainer is refused until then", async (context) => {
  const run = join(context.folder, "validating");
  const trainer = startTrainer(flags(context, "validating"));
  await reachValidation(trainer, run);
  // Starting another trainer may take longer than the validation: this one waits for it.
  trainer.process.kill("SIGSTOP");
  const second = await runVitrine([
    "train",
    "--data-server",
    context.server.address,
    "--out",
    run,
    "--resume",
  ]);
  assert.match(
    second.errors,
    /^vitrine: usage\/run-in-use: .*another trainer writes this run \(process \d+ on /,
  );
  trainer.process.kill("SIGCONT");
  trainer.process.kill("SIGINT");
  // npm passes the terminal's signal on: the same Ctrl-C, a moment later.
  trainer.process.kill("SIGINT");
  assert.is(await trainer.ended, 130);
  assert.match(trainer.output(), /^stopping after this batch; Ctrl-C again ends at once$/m);
  assert.match(trainer.errors(), /^vitrine: stopped: .*continue with --resume.*\n$/);
});

/** Weights, moments and averages: everything but the state, which holds the settings. */
function tensorsOf(files: Map<string, string>): Map<string, string> {
  return new Map([...files].filter(([file]) => file.endsWith(".safetensors")));
}

test("two threads write the same files as one, byte for byte", async (context) => {
  await finish(startTrainer([...flags(context, "threads"), "--threads", "2"]));
  assertSameFiles(join(context.folder, "threads"), context.expected);
});

test("turning --recompute on in the middle of a run changes no byte of weights, moments and averages", async (context) => {
  const run = join(context.folder, "recomputed");
  const plain = startTrainer(flags(context, "recomputed"));
  await reachStep(plain, run, BATCHES + 1);
  plain.process.kill("SIGTERM");
  assert.is(await plain.ended, 143);
  const resume = ["--data-server", context.server.address, "--out", run, "--resume", "--recompute"];
  const recomputing = startTrainer(resume);
  await finish(recomputing);
  assert.match(recomputing.output(), / --recompute/);
  assert.equal(tensorsOf(checkpointFiles(run)), tensorsOf(context.expected));
});

test("--accumulate stays close to the run with whole batches, and a resumed run repeats it byte for byte", async (context) => {
  const [whole, stopped] = ["accumulated", "accumulated-stopped"].map((name) => join(context.folder, name));
  await finish(startTrainer([...flags(context, "accumulated"), "--accumulate", "2"]));
  const losses = (run: string) => readMetrics(run).map((row) => Number(row.loss));
  const expected = losses(join(context.folder, "undisturbed"));
  assert.is(losses(whole as string).length, expected.length);
  // A realistic learning rate would keep them closer; this one changes weights by a tenth.
  for (const [step, loss] of losses(whole as string)
    .slice(0, BATCHES)
    .entries())
    assert.ok(Math.abs(loss - expected[step]) < 1e-3, `step ${step}: ${loss}, ${expected[step]}`);
  const rates = (run: string) => readMetrics(run).map((row) => row.learning_rate);
  assert.equal(rates(whole as string), rates(join(context.folder, "undisturbed")));

  const trainer = startTrainer([...flags(context, "accumulated-stopped"), "--accumulate", "2"]);
  await reachStep(trainer, stopped as string, BATCHES + 1);
  trainer.process.kill("SIGTERM");
  assert.is(await trainer.ended, 143);
  const resume = ["--data-server", context.server.address, "--out", stopped as string, "--resume"];
  const other = startTrainer([...resume, "--accumulate", "4"]);
  assert.is(await other.ended, 1);
  assert.match(other.errors(), /usage\/resume: --accumulate is 4, but the run was started with 2/);
  await finish(startTrainer(resume));
  assertSameFiles(stopped as string, checkpointFiles(whole as string));
});

test("a data server killed and restarted leaves no trace in the weights", async (context) => {
  const run = join(context.folder, "orphaned");
  const trainer = startTrainer(flags(context, "orphaned"));
  await reachStep(trainer, run, BATCHES + 3);
  const { address } = context.server;
  assert.is(await context.server.stop("SIGKILL"), "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 300));
  context.server = await startServer(context.set.path, "--listen", address);
  await finish(trainer);
  assert.match(trainer.output(), /waiting for the data server .* up to 60 s.*the data server is back/s);
  assertSameFiles(run, context.expected);
});

test("SIGTERM ends with a checkpoint, one line and status 143; the resumed run is the same", async (context) => {
  const run = join(context.folder, "stopped");
  const trainer = startTrainer(flags(context, "stopped"));
  await reachStep(trainer, run, BATCHES + 1);
  trainer.process.kill("SIGTERM");
  assert.is(await trainer.ended, 143);
  const done = readMetrics(run).length;
  assert.match(
    trainer.errors(),
    new RegExp(`^vitrine: stopped: .*last holds step ${done}; continue with --resume\n$`),
  );
  const again = startTrainer(["--data-server", context.server.address, "--out", run, "--resume"]);
  await finish(again);
  assertSameFiles(run, context.expected);
});

test("a data server that does not come back: a checkpoint, one line and status 1", async (context) => {
  const server = await startServer(context.set.path);
  const run = join(context.folder, "abandoned");
  const args = [...flags({ ...context, server }, "abandoned"), "--data-timeout", "0.5"];
  const trainer = startTrainer(args);
  await reachStep(trainer, run, BATCHES + 2);
  await server.stop("SIGKILL");
  assert.is(await trainer.ended, 1);
  const errors = trainer.errors().trimEnd().split("\n");
  assert.is(errors.length, 1, errors.join("\n"));
  assert.match(errors[0], /network\/data-server-gone: .*--data-timeout.*continue with --resume/);
  const state = JSON.parse(readFileSync(join(run, "last", "state.json"), "utf8"));
  assert.is(state.step, readMetrics(run).length, "every step that was done is in the checkpoint");
  await finish(startTrainer(["--data-server", context.server.address, "--out", run, "--resume"]));
  assertSameFiles(run, context.expected);
});

test("RUN/last and RUN/best are models that other commands accept", async ({ folder, set }) => {
  for (const name of ["last", "best"]) {
    const model = join(folder, "undisturbed", name);
    const { status, output, errors } = await runVitrine([
      "validate",
      "--data",
      set.path,
      "--model",
      model,
      "--json",
    ]);
    assert.is(status, 0, errors);
    const scores = JSON.parse(output.trimEnd().split("\n").at(-1) as string);
    const row = readMetrics(join(folder, "undisturbed")).at(-1) as Record<string, string>;
    assert.is(scores.images, 4 * BATCHES);
    if (name === "last") assert.ok(Math.abs(scores.top1 - Number(row.validation_top1)) < 1e-9);
  }
});

test.run();
