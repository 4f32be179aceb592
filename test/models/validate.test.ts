// Validate: options of `vitrine validate` on data whose answers are known: several models, real labels, per class,
// flip, crop, input size, results file, files that are left out.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { evaluateModel, mirror } from "../../bin/validate/evaluate-model.js";
import { readRealLabels } from "../../bin/validate/real-labels.js";
import { openResultsFile } from "../../bin/validate/results-file.js";
import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { atImageSize, readModel } from "../../runtime/model-files/stored-model.js";
import { ClassScores } from "../../trainer/class-scores.js";
import {
  constantWeights,
  SYNTHETIC,
  syntheticPhoto,
  syntheticWeights,
  writeModelFolder,
} from "./synthetic-model.js";

const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
/** Not in the folders' alphabetical order. */
const LABELS = ["dog", "bee", "cat", "ant"];
const COUNTS = { ant: 3, bee: 1, cat: 2, dog: 2 };
const folder = mkdtempSync(join(tmpdir(), "vitrine-validate-"));
const DATA = join(folder, "data");
const modelOf = (label: string) => join(folder, `always-${label}`);

test.before(() => {
  for (const label of ["ant", "dog"])
    writeModelFolder(modelOf(label), SYNTHETIC, constantWeights(SYNTHETIC, LABELS.indexOf(label)), LABELS);
  writeModelFolder(join(folder, "random"), SYNTHETIC, syntheticWeights(SYNTHETIC), LABELS);
  for (const [name, count] of Object.entries(COUNTS)) {
    mkdirSync(join(DATA, name), { recursive: true });
    for (let i = 0; i < count; i++) writeFileSync(join(DATA, name, `${name}${i}.jpg`), syntheticPhoto(i));
  }
});
test.after(() => rmSync(folder, { recursive: true }));

function validate(...args: string[]): { status: number | null; out: string; errors: string } {
  const all = [VITRINE, "validate", "--workers", "0", "--device", "wasm", "--threads", "1", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: "utf8" });
  return { status, out: stdout, errors: stderr };
}

function jsonOf<T>({ status, out, errors }: ReturnType<typeof validate>): T {
  assert.is(status, 0, errors);
  assert.is(out.trim().split("\n").length, 1);
  return JSON.parse(out) as T;
}

interface Result {
  model: string;
  images: number;
  top1Count: number;
  skipped: number;
  unlabeled: number;
  otherFiles: number;
  imageSize: number;
  cropPct: number;
  cropMode: string;
  interpolation: string;
  loss: number;
  perClass?: { class: string; images: number; top1: number | null; confusedWith: string | null }[];
}

test("two models give one table, a CSV row each, and the classes in a second file", () => {
  const results = join(folder, "results.csv");
  const models = ["--model", modelOf("ant"), "--model", modelOf("dog")];
  const flags = ["--data", DATA, ...models, "--per-class", "--results-file", results];
  const { status, out, errors } = validate(...flags);
  assert.is(status, 0, errors);
  assert.match(out, /^model +top-1 +top-5 +loss/m);
  assert.match(out, /always-ant +37\.50%/);
  assert.match(out, /always-dog +25\.00%/);
  assert.match(out, /^bee +1 +0\.00% +ant \(1\)$/m);
  const { models: again } = jsonOf<{ models: Result[] }>(validate(...flags, "--json"));
  assert.equal(
    again.map(({ top1Count }) => top1Count),
    [3, 2],
  );
  assert.equal(
    again[0]?.perClass?.map((row) => [row.class, row.images, row.top1, row.confusedWith]),
    [
      ["ant", 3, 100, null],
      ["bee", 1, 0, "ant"],
      ["cat", 2, 0, "ant"],
      ["dog", 2, 0, "ant"],
    ],
  );
  const rows = readFileSync(results, "utf8").trim().split("\n");
  assert.is(rows.length, 5);
  assert.match(rows[0] as string, /^model,data,top1,top1_err,top5,top5_err,loss,images,/);
  assert.match(rows[1] as string, /always-ant,.*,37\.5,62\.5,100,0,/);
  const classes = readFileSync(join(folder, "results.classes.csv"), "utf8").trim().split("\n");
  assert.is(classes.length, 1 + 4 * 4);
});

test("a results file with other columns is refused before anything is computed, and stays as it is", () => {
  const file = join(folder, "notes.csv");
  writeFileSync(file, "a,b\n1,2\n");
  const { status, errors } = validate("--data", DATA, "--model", modelOf("ant"), "--results-file", file);
  assert.is(status, 1);
  assert.match(errors, /^vitrine: usage\/results-file: .*notes\.csv: its first line is "a,b"/);
  assert.is(readFileSync(file, "utf8"), "a,b\n1,2\n");
});

test("a results file quotes its fields, and continues behind a row that was cut off", () => {
  const file = join(folder, "cut.csv");
  writeFileSync(file, "name,value\nhalf a r");
  openResultsFile(file, ["name", "value"]).append([['a "b", c', 1]]);
  assert.is(readFileSync(file, "utf8"), 'name,value\nhalf a r\n"a ""b"", c",1\n');
});

test("real labels: any valid class is right, and images without one are not counted", () => {
  const real = join(folder, "real.json");
  // In the order of the file names: three ants, a bee, two cats, two dogs. 3 is ant, 0 dog in the model.
  writeFileSync(real, JSON.stringify([[3], [], [0, 1], [2, 3], ["ant"], ["cat"], [0], [0, 3]]));
  const result = jsonOf<Result>(
    validate("--data", DATA, "--model", modelOf("ant"), "--real-labels", real, "--json"),
  );
  assert.equal([result.images, result.top1Count, result.unlabeled], [7, 4, 1]);
});

const NAMES = ["x/ILSVRC2012_val_00000002.JPEG", "y/ILSVRC2012_val_00000004.JPEG"];
const realLabels = (content: unknown, names: readonly string[] | undefined = NAMES) => {
  const file = join(folder, "some.json");
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  const classMap = Int32Array.of(2, 0);
  return readRealLabels(file, { names, labels: LABELS, classes: ["kitten", ""], classMap });
};

test("real labels go by ImageNet's numbers, by path or name, and by classes' names", () => {
  const byNumber = realLabels([[0], [1], [2], [3, 0], []]);
  assert.equal(NAMES.map(byNumber), [[1], [3, 0]]);
  const byName = realLabels({ [NAMES[0] as string]: ["kitten"], "ILSVRC2012_val_00000004.JPEG": ["bee", 3] });
  assert.equal(NAMES.map(byName), [[2], [1, 3]]);
  const repeated = realLabels({ "b.jpg": new Array(500_000).fill(3).concat(1) }, ["b.jpg"]);
  assert.equal(repeated("b.jpg"), [3, 1]);
});

test("real labels of images whose names come one by one are what they are with all names known", () => {
  const file = join(folder, "later.json");
  const context = {
    names: undefined,
    labels: LABELS,
    classes: ["kitten", ""],
    classMap: Int32Array.of(2, 0),
  };
  const later = (content: unknown) => {
    writeFileSync(file, JSON.stringify(content));
    return readRealLabels(file, context);
  };
  assert.equal(NAMES.map(later([[0], [1], [2], [3, 0], []])), [[1], [3, 0]]);
  assert.equal(later({ "x/1.jpg": ["bee"], "2.jpg": [3] })("y/2.jpg"), [3]);
  const refused = (content: unknown, name: string, text: RegExp) =>
    assert.throws(
      () => later(content)(name),
      (error: Error & { code?: string }) => error.code === "data/real-labels" && text.test(error.message),
    );
  refused([[0]], "a/1.jpg", /which a data server does not send/);
  refused([[0]], NAMES[0] as string, /which a data server does not send/);
  refused({ "1.jpg": [0] }, "a/2.jpg", /no entry for a\/2\.jpg/);
  refused({ "1.jpg": [9] }, "1.jpg", /holds 9/);
});

test("real labels that do not fit the data set are refused with what is wrong", () => {
  const refused = (content: unknown, text: RegExp, names?: string[]) =>
    assert.throws(
      () => realLabels(content, names),
      (error: Error & { code?: string }) => error.code === "data/real-labels" && text.test(error.message),
    );
  refused("[[0], ", /not JSON/);
  refused("3", /neither a list nor an object/);
  refused([[0]], /the list has 1 entries, the data set 2 images/);
  refused([[0], [1]], /same name/, ["a/1.jpg", "b/1.jpg"]);
  refused({ "ILSVRC2012_val_00000002.JPEG": [0] }, /no entry for 1 of 2 images, the first is y\/ILSVRC/);
  refused({ "b.jpg": [4], "a.jpg": [0] }, /b\.jpg holds 4; allowed: class indices 0 to 3/, ["b.jpg"]);
  refused({ "b.jpg": ["wolf"] }, /b\.jpg holds wolf/, ["b.jpg"]);
  refused({ "b.jpg": 3 }, /b\.jpg is no list/, ["b.jpg"]);
});

test("files that are left out are said: no images, and images that cannot be read", () => {
  const mixed = join(folder, "mixed");
  mkdirSync(join(mixed, "ant"), { recursive: true });
  writeFileSync(join(mixed, "ant", "good.jpg"), syntheticPhoto(1));
  writeFileSync(join(mixed, "ant", "bad.jpg"), "text");
  writeFileSync(join(mixed, "ant", "notes.txt"), "text");
  const flags = ["--data", mixed, "--model", modelOf("ant"), "--bad-samples", "skip"];
  const said = validate(...flags);
  assert.match(said.errors, /mixed: 1 file is no picture in a class folder and is left out \(1 \.txt\)/);
  assert.match(said.out, /top-1 100\.00% \(1 of 1\) {2}loss/);
  assert.match(said.out, /^not counted: 1 file could not be read$/m);
  const result = jsonOf<Result>(validate(...flags, "--json"));
  assert.equal([result.images, result.skipped, result.otherFiles], [1, 1, 1]);
});

test("crop, filter and input size change the input; a size that the patches do not divide is refused", () => {
  const flags = ["--data", DATA, "--model", join(folder, "random"), "--json"];
  const plain = jsonOf<Result>(validate(...flags));
  const cropped = jsonOf<Result>(validate(...flags, "--crop-pct", "0.5"));
  const larger = jsonOf<Result>(validate(...flags, "--input-size", "48"));
  const squashed = jsonOf<Result>(validate(...flags, "--crop-mode", "squash", "--crop-pct", "1"));
  const whole = jsonOf<Result>(validate(...flags, "--crop-pct", "1"));
  const nearest = jsonOf<Result>(validate(...flags, "--interpolation", "nearest"));
  assert.equal([plain.cropPct, cropped.cropPct, larger.imageSize], [0.875, 0.5, 48]);
  assert.equal([plain.cropMode, squashed.cropMode], ["center", "squash"]);
  assert.equal([plain.interpolation, nearest.interpolation], ["bicubic", "nearest"]);
  const all = [plain, cropped, larger, squashed, whole, nearest];
  assert.is(new Set(all.map(({ loss }) => loss)).size, all.length);
  const { status, errors } = validate(...flags, "--input-size", "30");
  assert.is(status, 1);
  assert.match(
    errors,
    /model\/config: --input-size 30: .*image_size is 30; allowed: a multiple of patch_size, which is 8/,
  );
});

test("a model at another image size has resized positions, and every other tensor unchanged", async () => {
  const model = await readModel(nodeModelSource(join(folder, "random")));
  const larger = atImageSize(model, 48);
  assert.is(larger.config.imageSize, 48);
  assert.equal(larger.weights.get("pos_embed")?.shape, [1, 2 + 36, 64]);
  for (const [name, tensor] of model.weights)
    if (name !== "pos_embed") assert.is(larger.weights.get(name), tensor, name);
  assert.is(atImageSize(model, 32).weights.get("pos_embed"), model.weights.get("pos_embed"));
});

test("--flip answers with the mean logits of a picture and its mirror image", async () => {
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: 1 });
  const model = await loadModel(runtime, nodeModelSource(join(folder, "random")), { batchSizes: [2] });
  try {
    const pixels = Uint8Array.from({ length: 2 * 32 * 32 * 3 }, (_, i) => (i * 37 + (i >> 5)) % 251);
    const source: EvaluationSource = {
      description: { fingerprint: "", samples: 2, classes: LABELS, instance: "" },
      async *batches() {
        yield { count: 2, pixels, labels: Int32Array.of(0, 1), names: ["a", "b"] };
      },
      close: async () => {},
    };
    let flipped = new Float32Array(0);
    await evaluateModel(model, source, { flip: true }, ({ logits }) => (flipped = logits.logits.slice()));
    const mirrored = Uint8Array.from(pixels, (_, i) => {
      const [row, x, channel] = [Math.floor(i / 96), Math.floor((i % 96) / 3), i % 3];
      return pixels[row * 96 + (31 - x) * 3 + channel] as number;
    });
    assert.equal(mirror(pixels, 32, new Uint8Array(pixels.length)), mirrored);
    const [one, other] = [await model.logits(pixels, 2), await model.logits(mirrored, 2)];
    const mean = (i: number) => ((one.logits[i] as number) + (other.logits[i] as number)) / 2;
    for (const [i, value] of flipped.entries())
      assert.ok(Math.abs(value - mean(i)) < 1e-6, `${value} ${mean(i)}`);
    assert.ok(Math.abs((flipped[0] as number) - (one.logits[0] as number)) > 1e-4);
  } finally {
    model.dispose();
    await runtime.dispose();
  }
});

test("class scores count confusions by frequency, and never an answer of NaN logits", () => {
  const scores = new ClassScores(Int32Array.of(1, 0));
  const rows: [number[], number][] = [
    [[3, 1, 2], 0],
    [[3, 1, 2], 0],
    [[1, 2, 3], 0],
    [[3, 1, 2], 1],
    [[Number.NaN, Number.NaN, Number.NaN], 1],
  ];
  for (const [row, label] of rows) scores.add(Float32Array.from(row), label);
  assert.equal(scores.total, { images: 5, top1: 1, top5: 5 });
  assert.equal(
    scores.confusions().map(({ label, answer, images }) => [label, answer, images]),
    [
      [0, 0, 2],
      [0, 2, 1],
    ],
  );
});

test.run();
