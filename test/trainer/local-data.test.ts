// Local data: a trainer that makes its batches itself ends with the weights of one that reads them from a data server,
// also after it was killed; validation data from a data server give the scores of the files.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runVitrine, type ServerProcess, startServer } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { reachStep, startTrainer, type TrainerProcess } from "./trainer-process.js";

interface Context {
  set: SyntheticDataSet;
  folder: string;
  model: string;
  server: ServerProcess;
  /** Model of the run that reads its batches from the server. */
  expected: string;
}

const test = suite<Context>("local data");

const STEPS = 14;

function flags({ folder, model }: Context, run: string): string[] {
  return [
    ...["--out", join(folder, run), "--model", join(model, "config.json"), "--steps", `${STEPS}`],
    ...["--batch-size", "4", "--lr", "0.1", "--warmup-epochs", "1", "--seed", "7", "--reprob", "0.5"],
    ...["--checkpoint-every", "3", "--threads", "1"],
  ];
}

async function finish(trainer: TrainerProcess): Promise<string> {
  assert.is(await trainer.ended, 0, trainer.errors());
  return trainer.output();
}

const weights = ({ folder }: Context, run: string): string =>
  readFileSync(join(folder, run, "last", "model.safetensors")).toString("hex");

const scores = ({ folder }: Context, run: string): unknown =>
  JSON.parse(readFileSync(join(folder, run, "last", "state.json"), "utf8")).validation;

test.before(async (context) => {
  context.set = createDataSet(38);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-local-data-"));
  context.model = await writeTinyModel(
    join(context.folder, "sizes"),
    tinyConfig({ classes: 7 }),
    [..."abcdefg"],
    0,
  );
  context.server = await startServer(context.set.path);
  const data = ["--data-server", context.server.address, "--val", context.set.path];
  await finish(startTrainer([...flags(context, "served"), ...data]));
  context.expected = weights(context, "served");
});

test.after(async ({ set, folder, server }) => {
  await server.stop("SIGKILL");
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("--data gives the weights that --data-server gives, and --val grpc:// the scores of the files", async (context) => {
  const data = ["--data", context.set.path, "--workers", "2", "--val", `grpc://${context.server.address}`];
  const output = await finish(startTrainer([...flags(context, "local"), ...data]));
  assert.ok(weights(context, "local") === context.expected, "the weights differ");
  assert.equal(scores(context, "local"), scores(context, "served"));
  assert.match(output, /9 batches of 4 per epoch; 2\s+images are not seen in an epoch/);
});

test("killed in mid-epoch and resumed, it ends with the same weights and scores", async (context) => {
  const run = join(context.folder, "killed");
  const data = ["--data", context.set.path];
  const first = startTrainer([
    ...flags(context, "killed"),
    ...data,
    "--workers",
    "1",
    "--val",
    context.set.path,
  ]);
  await reachStep(first, run, 8);
  first.process.kill("SIGKILL");
  assert.is(await first.ended, "SIGKILL");
  await finish(startTrainer(["--out", run, ...data, "--workers", "0", "--resume"]));
  assert.ok(weights(context, "killed") === context.expected, "the weights differ");
  assert.equal(scores(context, "killed"), scores(context, "served"));
});

test("a run is reproduced from its config.yaml, with the data in it or from a server", async (context) => {
  const config = join(context.folder, "local", "config.yaml");
  const again = await runVitrine([
    "train",
    "-c",
    config,
    "--out",
    join(context.folder, "again"),
    "--no-report",
  ]);
  assert.is(again.status, 0, again.errors);
  assert.ok(weights(context, "again") === context.expected);
  const other = ["--data-server", context.server.address, "--out", join(context.folder, "elsewhere")];
  const served = await runVitrine(["train", "-c", config, ...other, "--no-report", "--steps", "1"]);
  assert.is(served.status, 0, served.errors);
});

test("a data set that changed, none and two are refused", async (context) => {
  const other = createDataSet(30);
  const run = ["train", "--no-report", "--resume", "--out", join(context.folder, "local")];
  const changed = await runVitrine([...run, "--data", other.path]);
  other.remove();
  assert.match(changed.errors, /data\/fingerprint-changed: .*give the data set that the run was trained on/);
  const none = await runVitrine(["train", "--out", join(context.folder, "none"), "--model", "x"]);
  assert.match(none.errors, /usage\/command-line: give one of --data and --data-server/);
  const both = await runVitrine([...run, "--data", "x", "--data-server", "127.0.0.1:1"]);
  assert.match(both.errors, /usage\/command-line: give one of --data and --data-server/);
});

test("vitrine validate counts alike with --data and --data-server", async (context) => {
  const model = [
    "--model",
    join(context.folder, "served", "last"),
    "--device",
    "wasm",
    "--threads",
    "1",
    "--json",
  ];
  const [files, server] = [
    await runVitrine(["validate", ...model, "--data", context.set.path]),
    await runVitrine(["validate", ...model, "--data-server", context.server.address]),
  ];
  assert.is(server.status, 0, server.errors);
  const [here, there] = [files, server].map(({ output }) => JSON.parse(output));
  for (const key of ["images", "top1", "top5", "loss"]) assert.is(there[key], here[key], key);
  assert.is(there.images, 38);
});

test("vitrine validate --real-labels counts alike with --data and --data-server", async (context) => {
  const model = ["--model", join(context.folder, "served", "last"), "--threads", "1", "--json"];
  const real = join(context.folder, "real.json");
  const files = readdirSync(context.set.path).flatMap((name) =>
    readdirSync(join(context.set.path, name)).map((file) => `${name}/${file}`),
  );
  // Every fifth picture has no valid class, and every third one more than its own.
  const classes = (file: string, place: number) =>
    place % 5 === 0 ? [] : [file.slice(0, 3), ...(place % 3 === 0 ? ["emu"] : [])];
  writeFileSync(real, JSON.stringify(Object.fromEntries(files.map((file, i) => [file, classes(file, i)]))));
  const validate = (...data: string[]) =>
    runVitrine(["validate", ...model, "--device", "wasm", ...data, "--real-labels", real]);
  const [here, there] = [
    await validate("--data", context.set.path),
    await validate("--data-server", context.server.address),
  ];
  assert.is(there.status, 0, there.errors);
  const [expected, found] = [here, there].map(({ output }) => JSON.parse(output));
  for (const key of ["images", "unlabeled", "top1Count", "top5", "loss"])
    assert.is(found[key], expected[key], key);
  assert.equal([found.images, found.unlabeled], [30, 8]);
  writeFileSync(real, JSON.stringify(files.map(() => [0])));
  const list = await validate("--data-server", context.server.address);
  assert.match(list.errors, /data\/real-labels: .*which a data server does not send.*--data/);
});

test.run();
