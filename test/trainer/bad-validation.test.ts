// Bad validation files: found before the first step where the header shows it; where it does not, no step is lost.

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
  train: SyntheticDataSet;
  val: SyntheticDataSet;
  folder: string;
  model: string;
  server: ServerProcess;
}

const test = suite<Context>("bad validation files");

test.before(async (context) => {
  context.train = createDataSet(8);
  context.val = createDataSet(24);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-bad-val-"));
  const config = tinyConfig({ distilled: false });
  const folder = await writeTinyModel(join(context.folder, "m"), config, ["cat", "dog", "emu"], 1);
  context.model = join(folder, "config.json");
  context.server = await startServer(context.train.path);
});

test.after(async ({ train, val, folder, server }) => {
  await server.stop("SIGKILL");
  train.remove();
  val.remove();
  rmSync(folder, { recursive: true, force: true });
});

function train({ folder, server }: Context, run: string, ...flags: string[]) {
  const place = [
    "--data-server",
    server.address,
    "--out",
    join(folder, run),
    "--threads",
    "1",
    "--no-report",
  ];
  return runVitrine(["train", ...place, ...flags]);
}

/** Of the last class, whose images a validation reads last. */
const LATE = join("emu", "023.jpg");

test("damage behind the header costs no step: the epoch is saved, and --bad-samples skip ends the run", async (context) => {
  const { val, folder, model } = context;
  const file = join(val.path, LATE);
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.length >> 1));
  const start = ["--model", model, "--epochs", "1", "--batch-size", "4", "--val", val.path];
  const failed = await train(context, "late", ...start);
  assert.is(failed.status, 1);
  assert.match(
    failed.errors,
    /jpeg\/truncated: .*emu.023\.jpg.*last holds step 2; --resume repeats the validation, once the file is.*--bad-samples skip/,
  );
  assert.not.match(failed.errors, /partial: true/, "no advice that only a caller of the library can follow");
  const state = JSON.parse(readFileSync(join(folder, "late", "last", "state.json"), "utf8"));
  assert.equal([state.step, state.finished], [2, true]);
  const ended = await train(context, "late", "--resume", "--bad-samples", "skip");
  assert.is(ended.status, 0, ended.errors);
  assert.match(ended.output, /left out: .*emu.023\.jpg/);
  assert.match(
    ended.output,
    /validation at step 2, 23 images: .*\n {2}not counted: 1 image that cannot be read/,
  );
  const rows = readMetrics(join(folder, "late"));
  assert.is(rows.length, 2);
  assert.ok(rows[1]?.validation_top1);
  writeFileSync(file, bytes);
});

test("a file that is no image ends a run before its first step; with skip it is named once and left out", async (context) => {
  const { val, folder, model } = context;
  const file = join(val.path, LATE);
  const bytes = readFileSync(file);
  writeFileSync(file, "no image");
  const start = ["--model", model, "--epochs", "2", "--batch-size", "4", "--val", val.path];
  const refused = await train(context, "early", ...start);
  assert.match(
    refused.errors,
    /^vitrine: image\/unknown-format: .*emu.023\.jpg.*\(1 file of 24 cannot be read: .*skip\)\n$/,
  );
  assert.equal(readMetrics(join(folder, "early")), []);
  const { status, output, errors } = await train(context, "early", ...start, "--bad-samples", "skip");
  assert.is(status, 0, errors);
  assert.is(output.split("left out: ").length, 2);
  assert.is(output.match(/not counted: 1 image/g)?.length, 2);
  writeFileSync(file, bytes);
});

test.run();
