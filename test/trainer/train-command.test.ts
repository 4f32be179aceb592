// Train command: a run from the command line to its end, and one line for every mistake.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultLabels } from "../../runtime/models/labels.js";
import { runVitrine, type ServerProcess, startServer } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

interface Context {
  set: SyntheticDataSet;
  folder: string;
  config: string;
  model: string;
  server: ServerProcess;
}

const test = suite<Context>("train command");

test.before(async (context) => {
  context.set = createDataSet(24);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-train-"));
  const config = tinyConfig({ distilled: false });
  context.model = await writeTinyModel(join(context.folder, "model"), config, ["dog", "cat", "emu"], 1);
  context.config = join(context.model, "config.json");
  context.server = await startServer(context.set.path);
});

test.after(async ({ set, folder, server }) => {
  await server.stop("SIGKILL");
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

const NO_AUGMENTATION = [
  "--aa",
  "none",
  "--color-jitter",
  "0",
  "--mixup",
  "0",
  "--cutmix",
  "0",
  "--reprob",
  "0",
];

function train({ server, folder }: Context, run: string, ...flags: string[]) {
  const place = ["--data-server", server.address, "--out", join(folder, run)];
  return runVitrine(["train", ...place, ...(flags.includes("--json") ? [] : ["--no-report"]), ...flags]);
}

test("a short run brings the loss below half of its first value and prints where the model is", async (context) => {
  const sizes = ["--model", context.config, "--drop-path", "0", "--weight-decay", "0", "--smoothing", "0"];
  const length = ["--steps", "150", "--batch-size", "8", "--lr", "0.03"];
  const rate = ["--lr-scaling", "sqrt", "--warmup-epochs", "0"];
  // Nearly the same crop of each picture every time, so that the model can memorize it.
  const still = ["--scale", "0.9,1", "--ratio", "1,1", "--hflip", "0"];
  const { status, output, errors } = await train(
    context,
    "short",
    ...sizes,
    ...length,
    ...rate,
    ...NO_AUGMENTATION,
    ...still,
    "--json",
  );
  assert.is(status, 0, errors);
  const summary = JSON.parse(output);
  assert.is(summary.steps, 150);
  const rows = readMetrics(join(context.folder, "short"));
  assert.ok(
    summary.loss < 0.5 * Number(rows[0]?.running_loss),
    `${rows[0]?.running_loss} to ${summary.loss}`,
  );
  assert.match(
    errors,
    /^recipe +deit: training from scratch.*\nchanged .*--steps 150\b.*--lr-scaling sqrt.*\nsettings +all in /ms,
  );
  assert.match(errors, /finished: 150 steps/);
  assert.is(summary.report, join(context.folder, "short", "report.html"));
  const report = readFileSync(summary.report, "utf8");
  assert.match(report, /All 8 samples of batch 0/);
  assert.match(report, /The run is finished\./);
  const { id2label } = JSON.parse(readFileSync(join(summary.last, "config.json"), "utf8"));
  assert.equal(id2label, { 0: "cat", 1: "dog", 2: "emu" }, "a new model's classes are the data set's");
});

test("a run from --init has the data set's classes in its order, says what the head keeps, and validates", async (context) => {
  const flags = ["--init", context.model, "--steps", "1", "--batch-size", "8", ...NO_AUGMENTATION];
  const { status, errors, output } = await train(context, "tuned", ...flags, "--val", context.set.path);
  assert.is(status, 0, errors);
  assert.match(output, /^head: kept and reordered; the checkpoint has the same 3 classes in another order$/m);
  assert.match(output, /^classes +3 classes: cat \(8\), dog \(8\), emu \(8\)$/m);
  const text = readFileSync(join(context.folder, "tuned", "last", "config.json"), "utf8");
  assert.equal(JSON.parse(text).id2label, { 0: "cat", 1: "dog", 2: "emu" });
});

test("class indices beside a checkpoint of 1,000 classes make a new head of as many as the list has", async (context) => {
  const { folder, set } = context;
  const labels = defaultLabels(1000);
  const config = tinyConfig({ classes: 1000 });
  const checkpoint = await writeTinyModel(join(folder, "thousand"), config, labels, 1);
  const list = join(folder, "list.csv");
  const files = readdirSync(join(set.path, "cat")).map(
    (name, i) => `${join(set.path, "cat", name)},${i % 2}`,
  );
  writeFileSync(list, `path,label\n${files.join("\n")}\n`);
  const server = await startServer(list);
  try {
    const flags = ["--init", checkpoint, "--steps", "1", "--batch-size", "8", "--distillation", "none"];
    const run = await train({ ...context, server }, "indices", ...flags, "--val", list);
    assert.is(run.status, 0, run.errors);
    assert.match(run.output, /^head: newly initialized for 2 classes; .* checkpoint's 1000$/m);
    const [row] = readMetrics(join(folder, "indices"));
    assert.ok(Math.abs(Number(row?.loss) - Math.log(2)) < 0.2, `first loss ${row?.loss}`);
    const { id2label } = JSON.parse(readFileSync(join(folder, "indices", "last", "config.json"), "utf8"));
    assert.equal(id2label, { 0: "class 0", 1: "class 1" });
    const kept = await train({ ...context, server }, "keep", ...flags, "--keep-head");
    assert.match(
      kept.errors,
      /usage\/training: --keep-head: the data set has 2 classes, the checkpoint 1000/,
    );
  } finally {
    await server.stop("SIGKILL");
  }
});

test("a finished run that is resumed takes no step and prints its summary", async (context) => {
  const before = readFileSync(join(context.folder, "short", "last", "state.json"), "utf8");
  const { status, output } = await train(context, "short", "--resume");
  assert.is(status, 0);
  assert.match(output, /finished: 150 steps/);
  assert.is(readFileSync(join(context.folder, "short", "last", "state.json"), "utf8"), before);
});

test("what the run gets can be compared: its data set here, and a data server's", async (context) => {
  const { folder, server, set } = context;
  const run = ["data", "digest", "--run", join(folder, "short"), "--batches", "2"];
  const [here, there] = [
    await runVitrine([...run, "--data", set.path, "--workers", "0", "--json"]),
    await runVitrine([...run, "--data-server", server.address, "--json"]),
  ];
  assert.is(here.status, 0, here.errors);
  assert.is(there.output, here.output);
  const { digests, skipped } = JSON.parse(here.output);
  assert.equal([digests.length, skipped], [2, 0]);
  const both = await runVitrine([...run, "--data", set.path, "--data-server", server.address]);
  assert.match(both.errors, /give one of --data and --data-server/);
  const contradiction = await runVitrine([...run, "--data", set.path, "--seed", "3"]);
  assert.match(contradiction.errors, /--run <folder>' cannot be used with option '--seed <s>'/);
});

test("a dry run prints what a run would cost, and writes nothing", async (context) => {
  const flags = ["--model", context.config, "--epochs", "2", "--batch-size", "8", "--dry-run", "--json"];
  const { status, output, errors } = await train(context, "dry", ...flags);
  assert.is(status, 0, errors);
  const facts = JSON.parse(output);
  assert.equal([facts.steps, facts.epochs, facts.batchSize, facts.validations], [6, 2, 8, 0]);
  for (const field of ["parameters", "memoryBytes", "dataRate", "computeRate", "rate", "totalSeconds"])
    assert.ok(facts[field] > 0, field);
  assert.match(errors, /dry run, nothing is written:\n {2}parameters .*\n {2}bottleneck/s);
  assert.not.ok(existsSync(join(context.folder, "dry")));
  const resumed = await train(context, "short", "--resume", "--dry-run");
  assert.is(resumed.status, 1);
  assert.match(resumed.errors, /^vitrine: usage\/command-line: --dry-run .*leave --resume out\n$/);
});

test("every mistake is one line that says what to do, status 1, and nothing is written", async (context) => {
  const { folder, config, server, set } = context;
  mkdirSync(join(folder, "full"));
  writeFileSync(join(folder, "full", "thesis.txt"), "mine");
  writeFileSync(join(folder, "broken.json"), '{"hidden_size": 32}');
  const wide = await writeTinyModel(join(folder, "wide"), tinyConfig({ dim: 64 }), ["cat", "dog", "emu"], 1);
  const otherClasses = await writeTinyModel(join(folder, "otherClasses"), tinyConfig(), ["x", "y", "z"], 1);
  const large = await writeTinyModel(
    join(folder, "large"),
    tinyConfig({ imageSize: 64 }),
    ["cat", "dog", "emu"],
    1,
  );
  const many = tinyConfig({ imageSize: 512, patchSize: 4, depth: 24 });
  const tooLarge = join(
    await writeTinyModel(join(folder, "tooLarge"), many, ["cat", "dog", "emu"], 1),
    "config.json",
  );
  const plain = ["--model", config, "--batch-size", "4"];
  const hard = [...plain, "--distillation", "hard"];
  const cases: [flags: string[], expected: RegExp][] = [
    [["--steps", "1"], /usage\/training: no model: give --model NAME or config.json, or --init PATH/],
    [["--model", "deit_huge"], /model\/unknown: --model deit_huge .*deit_tiny_patch16_224/],
    [["--model", join(folder, "broken.json")], /model\/config: .*broken.json/],
    [["--init", join(folder, "nowhere")], /file\/not-found: .*nowhere/],
    [[...plain, "--init", wide], /weights\/shape: .*expected/],
    [[...plain, "--lr", "fast"], /--lr got "fast"/],
    [[...plain, "--scale", "0.5"], /--scale got "0.5".*LOW,HIGH/],
    [[...plain, "--distillation", "firm"], /--distillation.*none, hard, soft/],
    [[...plain, "--no-such-flag"], /no-such-flag/],
    [["--pretrained", ...plain], /usage\/command-line: train --pretrained: .*use --init timm:NAME/],
    [[...plain, "--output_dir=runs"], /train --output_dir: use --out FOLDER/],
    [[...plain, "--resume", "runs/x/checkpoint.pth"], /train --resume takes no path: .*--out FOLDER/],
    [[...plain, "--batch-size", "25", "--mixup", "0", "--cutmix", "0"], /24 images.*--batch-size/],
    [
      ["--model", tooLarge, "--batch-size", "8", "--device", "wasm"],
      /graph\/memory: training step with a batch of 8 needs \d.* are left: a batch of \d fits \(--batch-size \d\); --accumulate \d takes it in pieces that fit; with --recompute it fits/,
    ],
    [[...plain, "--batch-size", "8", "--accumulate", "3"], /--accumulate 3 does not divide --batch-size 8/],
    [[...plain, "--device", "tfjs:webgl"], /device\/unknown/],
    [[...plain, "--val", join(folder, "no-val")], /no-val/],
    [[...hard, "--teacher", otherClasses], /training\/teacher-classes: .*otherClasses/],
    [[...hard, "--teacher", large], /training\/teacher-size: .*64×64.*32×32/],
    [["--resume"], /checkpoint\/missing: .*no checkpoint to continue from.*--resume/],
  ];
  for (const [flags, expected] of cases) {
    const { status, errors } = await train(context, "wrong", ...flags);
    assert.is(status, 1, flags.join(" "));
    assert.match(errors, expected);
    assert.is(errors.trimEnd().split("\n").length, 1, errors);
    assert.not.ok(existsSync(join(folder, "wrong")), flags.join(" "));
  }
  const elsewhere: [args: string[], expected: RegExp][] = [
    [
      ["--out", join(folder, "short"), "--data-server", server.address, ...plain],
      /usage\/out: .*already contains a run.*--resume/,
    ],
    [
      ["--out", join(folder, "full"), "--data-server", server.address, ...plain],
      /usage\/out: .*not empty \(thesis/,
    ],
    [
      ["--out", join(folder, "short"), "--data-server", server.address, "--resume", "--lr", "1"],
      /usage\/resume: --lr is 1/,
    ],
    [
      ["--out", join(folder, "wrong"), "--data-server", "127.0.0.1:1", "--data-timeout", "0.2", ...plain],
      /no-data-server: .*--data-server/,
    ],
    [["--out", join(folder, "wrong"), ...plain], /--data-server/],
  ];
  for (const [args, expected] of elsewhere) {
    const { status, errors } = await runVitrine(["train", ...args]);
    assert.is(status, 1, args.join(" "));
    assert.match(errors, expected);
  }
  assert.equal(readdirSync(join(folder, "full")), ["thesis.txt"]);
  assert.ok(existsSync(set.path));
});

test("a checkpoint does not continue with other data, another teacher or damaged files", async (context) => {
  const { folder, model } = context;
  const teacher = await writeTinyModel(
    join(folder, "t"),
    tinyConfig({ distilled: false }),
    ["cat", "dog", "emu"],
    2,
  );
  const sizes = await writeTinyModel(join(folder, "d"), tinyConfig(), ["cat", "dog", "emu"], 2);
  const flags = [
    "--model",
    sizes,
    "--teacher",
    teacher,
    "--distillation",
    "soft",
    "--steps",
    "1",
    "--batch-size",
    "4",
  ];
  assert.is((await train(context, "taught", ...flags)).status, 0);
  const other = createDataSet(23);
  const otherServer = await startServer(other.path);
  try {
    const changed = await train({ ...context, server: otherServer }, "taught", "--resume");
    assert.match(changed.errors, /data\/fingerprint-changed: .*start a new run/);
  } finally {
    await otherServer.stop("SIGKILL");
    other.remove();
  }
  await writeTinyModel(teacher, tinyConfig({ distilled: false }), ["cat", "dog", "emu"], 3);
  const replaced = await train(context, "taught", "--resume");
  assert.match(replaced.errors, /checkpoint\/teacher: .*is not the teacher/);
  const last = join(folder, "short", "last");
  rmSync(join(last, "optimizer.safetensors"));
  assert.match(
    (await train(context, "short", "--resume")).errors,
    /checkpoint\/incomplete: .*optimizer.safetensors/,
  );
  writeFileSync(join(last, "state.json"), "{");
  assert.match(
    (await train(context, "short", "--resume")).errors,
    /checkpoint\/state: .*state.json: not JSON/,
  );
  assert.ok(existsSync(model));
});

test.run();
