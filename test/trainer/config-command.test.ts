// Configuration on the command line: a run's config.yaml reproduces it bit for bit, and a finished run can be made
// longer.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runVitrine, type ServerProcess, startServer } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

interface Context {
  set: SyntheticDataSet;
  folder: string;
  model: string;
  server: ServerProcess;
}

const test = suite<Context>("configuration");

test.before(async (context) => {
  context.set = createDataSet(12);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-config-"));
  context.model = await writeTinyModel(join(context.folder, "model"), tinyConfig(), ["cat", "dog", "emu"], 1);
  context.server = await startServer(context.set.path);
});

test.after(async ({ set, folder, server }) => {
  await server.stop("SIGKILL");
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

const weights = (folder: string, run: string) =>
  readFileSync(join(folder, run, "last", "model.safetensors")).toString("hex");

test("config.yaml of a run reproduces it bit for bit; flags override the file", async ({
  folder,
  model,
  server,
  set,
}) => {
  const where = ["--data-server", server.address, "--device", "wasm"];
  const what = [
    "--init",
    model,
    "--epochs",
    "2",
    "--batch-size",
    "4",
    "--mixup",
    "0.5",
    "--ema",
    "--seed",
    "3",
  ];
  const first = await runVitrine(["train", ...where, ...what, "--val", set.path, "--out", join(folder, "a")]);
  assert.is(first.status, 0, first.errors);
  const file = join(folder, "a", "config.yaml");
  const again = await runVitrine(["train", "-c", file, "--out", join(folder, "b")]);
  assert.is(again.status, 0, again.errors);
  assert.ok(weights(folder, "a") === weights(folder, "b"), "the weights differ");
  const yaml = (run: string) => readFileSync(join(folder, run, "config.yaml"), "utf8");
  assert.is(yaml("b"), yaml("a"));
  const other = await runVitrine([
    "train",
    "-c",
    file,
    "--seed",
    "4",
    "--steps",
    "1",
    "--out",
    join(folder, "c"),
  ]);
  assert.is(other.status, 0, other.errors);
  assert.match(yaml("c"), /^steps: 1$/m);
  assert.match(yaml("c"), /^seed: 4$/m);
});

test("recipe deit3 trains, with LAMB and a binary loss, and SGD with layer decay does", async ({
  folder,
  model,
}) => {
  const file = join(folder, "a", "config.yaml");
  const address = /^data-server: (.*)$/m.exec(readFileSync(file, "utf8"))?.[1] as string;
  const where = ["--data-server", address, "--device", "wasm", "--steps", "3", "--batch-size", "4"];
  const sizes = ["--model", join(model, "config.json")];
  const deit3 = await runVitrine([
    "train",
    ...where,
    ...sizes,
    "--recipe",
    "deit3",
    "--out",
    join(folder, "d"),
  ]);
  assert.is(deit3.status, 0, deit3.errors);
  const losses = readMetrics(join(folder, "d")).map(({ loss }) => Number(loss));
  // log 2 for each class of an untrained head.
  assert.ok(losses.length === 3 && Math.abs((losses[0] as number) - Math.log(2)) < 0.05, `${losses}`);
  const sgd = ["--init", model, "--opt", "sgd", "--layer-decay", "0.7", "--freeze", "1"];
  const tuned = await runVitrine(["train", ...where, ...sgd, "--out", join(folder, "s")]);
  assert.is(tuned.status, 0, tuned.errors);
  assert.match(tuned.output, /^frozen +[\d,]+ of [\d,]+ parameters in \d+ tensors stay/m);
});

test("a finished run is made longer with --resume --epochs, on the longer run's curve", async ({
  folder,
}) => {
  const where = ["--data-server", "127.0.0.1:1"];
  const shorter = await runVitrine([
    "train",
    ...where,
    "--out",
    join(folder, "a"),
    "--resume",
    "--epochs",
    "1",
  ]);
  assert.match(shorter.errors, /usage\/resume: --epochs is 1, .*longer, not shorter/);
  const file = join(folder, "a", "config.yaml");
  const address = /^data-server: (.*)$/m.exec(readFileSync(file, "utf8"))?.[1] as string;
  const longer = await runVitrine([
    ...["train", "--data-server", address, "--out", join(folder, "a"), "--resume", "--epochs", "4"],
    ...["--val-interval", "2"],
  ]);
  assert.is(longer.status, 0, longer.errors);
  const rows = readMetrics(join(folder, "a"));
  assert.is(rows.length, 12);
  const validated = rows.filter((row) => row.validation_top1 !== "").map((row) => row.step);
  assert.equal(validated, ["3", "6", "12"]);
  const rate = (step: number) => Number(rows[step - 1]?.learning_rate);
  assert.ok(rate(12) < rate(7), `${rate(7)} to ${rate(12)}`);
  const expected = 1e-5 + 0.5 * (rate(1) - 1e-5) * (1 + Math.cos((Math.PI * 2) / 4));
  assert.ok(Math.abs(rate(12) - expected) < 1e-12, `${rate(12)}, expected ${expected}`);
  assert.match(readFileSync(file, "utf8"), /^epochs: 4$/m);
});

test("a checkpoint of format 2 continues with what its version did", async ({ folder, server }) => {
  const path = join(folder, "b", "last", "state.json");
  const state = JSON.parse(readFileSync(path, "utf8"));
  const { settings } = state;
  for (const key of ["recipeName", "sched", "emaWarmup", "valInterval", "patience", "keepHead", "inputSize"])
    delete settings[key];
  writeFileSync(path, JSON.stringify({ ...state, format: 2, sinceBest: undefined }));
  const flags = ["--data-server", server.address, "--out", join(folder, "b"), "--resume", "--epochs", "3"];
  const run = await runVitrine(["train", ...flags]);
  assert.is(run.status, 0, run.errors);
  const after = JSON.parse(readFileSync(path, "utf8"));
  assert.equal([after.format, after.step, after.settings.warmupEpochs], [3, 9, 5]);
  assert.equal([after.settings.emaWarmup, after.settings.recipeName], [false, "deit"]);
});

test.run();
