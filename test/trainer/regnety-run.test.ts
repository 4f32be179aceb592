// A RegNetY as vitrine train's model: killed and resumed byte for byte, fine-tuned on other classes, and then the
// teacher of a DeiT.

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeConfigJson } from "../../runtime/models/families.js";
import type { RegnetyConfig } from "../../runtime/models/regnety/config.js";
import { regnetyParameters } from "../../runtime/models/regnety/parameters.js";
import { readSafetensors } from "../../runtime/weights/safetensors.js";
import { runVitrine, type ServerProcess, startServer } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { SYNTHETIC_REGNETY, writeRegnetyFolder } from "../models/synthetic-regnety.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { reachStep, readMetrics, startTrainer } from "./trainer-process.js";

interface Context {
  set: SyntheticDataSet;
  folder: string;
  server: ServerProcess;
}

const test = suite<Context>("RegNetY run");

const CLASSES = ["cat", "dog", "emu"];
/** Of 24 images: 3 batches an epoch. */
const EPOCHS = 4;
const STEPS = 3 * EPOCHS;
const PIECES = 2;

function flags({ folder, server, set }: Context, run: string): string[] {
  return [
    ...["--data-server", server.address, "--val", set.path, "--out", join(folder, run)],
    ...["--model", join(folder, "convnet.json"), "--epochs", `${EPOCHS}`, "--batch-size", "8"],
    ...["--lr", "0.05", "--warmup-epochs", "1", "--seed", "3", "--accumulate", `${PIECES}`],
    ...["--drop-path", "0.3", "--ema-decay", "0.9", "--checkpoint-every", "2", "--threads", "1"],
  ];
}

function filesOf(run: string): Map<string, string> {
  const names = ["last", "best"].flatMap((name) =>
    readdirSync(join(run, name)).map((file) => join(name, file)),
  );
  return new Map(names.sort().map((file) => [file, readFileSync(join(run, file)).toString("hex")]));
}

function assertSameFiles(run: string, expected: string): void {
  const [found, wanted] = [filesOf(run), filesOf(expected)];
  assert.equal([...found.keys()], [...wanted.keys()]);
  for (const [file, bytes] of wanted) assert.ok(found.get(file) === bytes, `${file} differs`);
}

function tensorsOf(folder: string, file = "model.safetensors") {
  return readSafetensors(readFileSync(join(folder, file)), file).tensors;
}

async function finish(args: readonly string[]): Promise<string> {
  const trainer = startTrainer(args);
  assert.is(await trainer.ended, 0, trainer.errors());
  return trainer.output();
}

test.before(async (context) => {
  context.set = createDataSet(24);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-convnet-"));
  const config: RegnetyConfig = { ...SYNTHETIC_REGNETY, classes: 7 };
  // The data set decides how many classes there are.
  writeFileSync(join(context.folder, "convnet.json"), writeConfigJson(config, [..."abcdefg"]));
  context.server = await startServer(context.set.path);
});

test.after(async ({ set, folder, server }) => {
  await server.stop("SIGKILL");
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("it trains, is validated by its running statistics, and writes the tensors of timm's state_dict", async (context) => {
  const output = await finish(flags(context, "whole"));
  assert.match(output, /32×32 pixels, stages of 1×8, 2×16, groups of 4, 3 classes, class head/);
  const last = join(context.folder, "whole", "last");
  const shapes = regnetyParameters({ ...SYNTHETIC_REGNETY, classes: 3 });
  for (const file of ["model.safetensors", "ema.safetensors"]) {
    const tensors = tensorsOf(last, file);
    for (const [name, shape] of shapes) {
      assert.equal(tensors.get(name)?.shape, shape, name);
      if (!name.endsWith("running_var")) continue;
      const count = tensors.get(name.replace("running_var", "num_batches_tracked"));
      assert.equal([count?.dtype, count?.shape, Number(count?.data[0])], ["I64", [], STEPS * PIECES]);
    }
  }
  const { output: scores, errors } = await runVitrine([
    "validate",
    "--data",
    context.set.path,
    "--model",
    last,
    "--json",
  ]);
  const { top1 } = JSON.parse(scores.trimEnd().split("\n").at(-1) ?? errors);
  assert.is(top1, Number(readMetrics(join(context.folder, "whole")).at(-1)?.validation_top1));
});

test("killed in mid-epoch and resumed, or with two threads, it ends with the same files, byte for byte", async (context) => {
  const run = join(context.folder, "killed");
  const trainer = startTrainer(flags(context, "killed"));
  await reachStep(trainer, run, 5);
  trainer.process.kill("SIGKILL");
  assert.is(await trainer.ended, "SIGKILL");
  const { finished } = JSON.parse(readFileSync(join(run, "last", "state.json"), "utf8"));
  assert.not(finished, "the kill came too late to prove anything");
  await finish(["--data-server", context.server.address, "--out", run, "--resume", "--threads", "2"]);
  assertSameFiles(run, join(context.folder, "whole"));
});

test("fine-tuning from it gives another data set a new head and keeps the rest", async (context) => {
  const { folder, server } = context;
  const start = writeRegnetyFolder(join(folder, "published"), SYNTHETIC_REGNETY, [
    "ant",
    "bee",
    "fox",
    "owl",
  ]);
  const out = join(folder, "tuned");
  const output = await finish([
    "--data-server",
    server.address,
    "--out",
    out,
    "--init",
    start,
    "--steps",
    "1",
    "--batch-size",
    "8",
  ]);
  assert.match(output, /head: newly initialized for 3 classes; .*not among the checkpoint's 4/);
  const values = (folder: string, name: string) => tensorsOf(folder).get(name)?.data as Float32Array;
  assert.is(values(join(out, "last"), "head.fc.weight").length, 3 * 16);
  // One step of the default learning rate moves no weight by more than that.
  const before = values(start, "stem.conv.weight");
  const moved = values(join(out, "last"), "stem.conv.weight").map((value, i) => Math.abs(value - before[i]));
  assert.ok(Math.max(...moved) < 1e-3, `moved by ${Math.max(...moved)}`);
  const { id2label } = JSON.parse(readFileSync(join(out, "last", "config.json"), "utf8"));
  assert.equal(Object.values(id2label), CLASSES);
  const count = tensorsOf(join(out, "last")).get("stem.bn.num_batches_tracked");
  assert.is(Number(count?.data[0]), 8, "the file's 7 batches and one more");
});

test("its best checkpoint teaches a DeiT by hard distillation", async (context) => {
  const { folder, server } = context;
  const student = await writeTinyModel(join(folder, "student"), tinyConfig(), CLASSES, 1);
  const out = join(folder, "taught");
  await finish([
    ...["--data-server", server.address, "--out", out, "--steps", "2", "--batch-size", "8"],
    ...["--model", join(student, "config.json"), "--teacher", join(folder, "whole", "best")],
    ...["--distillation", "hard"],
  ]);
  assert.is(JSON.parse(readFileSync(join(out, "last", "state.json"), "utf8")).step, 2);
});

test("a teacher's bare file, without class names, is taken in the student's order where that is asked for", async (context) => {
  const { folder, server } = context;
  const bare = join(folder, "bare.safetensors");
  copyFileSync(join(folder, "whole", "best", "model.safetensors"), bare);
  const student = await writeTinyModel(
    join(folder, "tall"),
    tinyConfig({ imageSize: 224, patchSize: 56 }),
    CLASSES,
    1,
  );
  const args = [
    ...["train", "--data-server", server.address, "--out", join(folder, "by-index"), "--steps", "1"],
    ...[
      "--model",
      join(student, "config.json"),
      "--teacher",
      bare,
      "--distillation",
      "hard",
      "--batch-size",
      "8",
    ],
  ];
  const named = await runVitrine(args);
  assert.match(named.errors, /training\/teacher-classes: .*no class names.*--teacher-classes index/);
  const { status, errors } = await runVitrine([...args, "--teacher-classes", "index"]);
  assert.is(status, 0, errors);
});

test("what it cannot do is refused by name", async (context) => {
  const { folder } = context;
  const plain = flags(context, "wrong");
  const teacher = join(folder, "whole", "best");
  const cases: [flags: string[], expected: RegExp][] = [
    [[...plain, "--model", "regnety_003"], /model\/unknown: .*regnety_002, regnety_004/],
    [[...plain, "--init", teacher, "--model", "regnety_002"], /weights\/shape: /],
  ];
  for (const [args, expected] of cases) {
    const { status, errors } = await runVitrine(["train", ...args]);
    assert.is(status, 1, args.join(" "));
    assert.match(errors, expected);
    assert.is(errors.trimEnd().split("\n").length, 1, errors);
  }
});

test.run();
