// Commands: validate and classify as a user runs them, on models whose answers are known.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { constantWeights, SYNTHETIC, syntheticPhoto, writeModelFolder } from "./synthetic-model.js";

const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
/** Not in the folders' alphabetical order. */
const LABELS = ["dog", "bee", "cat", "ant"];
/** Photographs of each class: 10 in all. */
const COUNTS = { ant: 5, bee: 1, cat: 2, dog: 2 };

const folder = mkdtempSync(join(tmpdir(), "vitrine-commands-"));
test.after(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): { status: number | null; lines: string[]; errors: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VITRINE, ...args], { encoding: "utf8" });
  return { status, lines: stdout.trim().split("\n"), errors: stderr };
}

function lastJson<T>({ lines, errors, status }: ReturnType<typeof run>): T {
  assert.is(status, 0, errors);
  return JSON.parse(lines.at(-1) as string) as T;
}

const DATA = join(folder, "data");
const ALWAYS_ANT = join(folder, "always-ant");

test.before(() => {
  writeModelFolder(ALWAYS_ANT, SYNTHETIC, constantWeights(SYNTHETIC, LABELS.indexOf("ant")), LABELS);
  for (const [name, count] of Object.entries(COUNTS)) {
    mkdirSync(join(DATA, name), { recursive: true });
    for (let i = 0; i < count; i++) writeFileSync(join(DATA, name, `${i}.jpg`), syntheticPhoto(i));
  }
});

interface Validation {
  images: number;
  top1Count: number;
  top5Count: number;
  top1: number;
  top5: number;
  loss: number;
  imagesPerSecond: number;
}

test("validate counts the answers of a model that always says ant, folders matched by name", () => {
  const result = lastJson<Validation>(
    run("validate", "--data", DATA, "--model", ALWAYS_ANT, "--batch-size", "4", "--workers", "0", "--json"),
  );
  assert.equal([result.images, result.top1Count, result.top5Count], [10, 5, 10]);
  assert.equal([result.top1, result.top5], [50, 100]);
  // Logits are 2 for ant and 0 for the three others.
  const logSum = Math.log(Math.exp(2) + 3);
  assert.ok(Math.abs(result.loss - (0.5 * (logSum - 2) + 0.5 * logSum)) < 1e-5);
  assert.ok(result.imagesPerSecond > 0);
});

test("tfjs:cpu and wasm give the same answers to validate", () => {
  const flags = ["--data", DATA, "--model", ALWAYS_ANT, "--batch-size", "4", "--workers", "0", "--json"];
  const [got, want] = ["tfjs:cpu", "wasm"].map((device) =>
    lastJson<Validation>(run("validate", ...flags, "--device", device)),
  ) as [Validation, Validation];
  assert.equal([got.top1Count, got.top5Count], [want.top1Count, want.top5Count]);
  assert.ok(Math.abs(got.loss - want.loss) < 1e-6);
});

test("validate takes an integer of a list as the model's class, and a name as a name", () => {
  const photos = ["cat/0", "dog/0", "cat/1"].map((name) => `data/${name}.jpg`);
  const validateList = (name: string, labels: (string | number)[]) => {
    const list = join(folder, name);
    writeFileSync(
      list,
      ["path,label", ...labels.map((label, index) => `${photos[index]},${label}`)].join("\n"),
    );
    return run("validate", "--data", list, "--model", ALWAYS_ANT, "--workers", "0", "--json");
  };
  assert.is(lastJson<Validation>(validateList("indices.csv", [3, 0, 3])).top1Count, 2);
  assert.is(lastJson<Validation>(validateList("names.csv", ["ant", "bee"])).top1Count, 1);
  assert.match(
    validateList("far.csv", [4]).errors,
    /data\/labels: .*indices up to 4, the model only 4 classes/,
  );
});

test("classify names the classes of each photograph with their probabilities", () => {
  const photo = join(DATA, "dog", "0.jpg");
  const answers = lastJson<
    { file: string; classes: { index: number; label: string; probability: number }[] }[]
  >(run("classify", photo, photo, "--model", ALWAYS_ANT, "--top-k", "2", "--json"));
  const ant = Math.exp(2) / (Math.exp(2) + 3);
  assert.is(answers.length, 2);
  for (const { file, classes } of answers) {
    assert.is(file, photo);
    assert.equal(
      classes.map(({ index, label }) => [index, label]),
      [
        [3, "ant"],
        [0, "dog"],
      ],
    );
    assert.ok(Math.abs(classes[0]!.probability - ant) < 1e-5);
  }
  const { lines } = run("classify", photo, "--model", ALWAYS_ANT);
  assert.match(lines.join("\n"), /71\.1% {2}ant/);
});

interface Answer {
  file: string;
  classes: { index: number; label: string; probability: number }[];
}

/** Probabilities cross the wire as float32. */
function inFloat32({ file, classes }: Answer): Answer {
  return {
    file,
    classes: classes.map((score) => ({ ...score, probability: Math.fround(score.probability) })),
  };
}

/** Resolves with the address that a server reports. */
function addressOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    server.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const address = /^listening on (\S+)/m.exec(output)?.[1];
      if (address) resolve(address);
    });
    server.once("close", (status) => reject(new Error(`serve ended with status ${status}: ${output}`)));
  });
}

test("classify gives the same answers from a server as from its model, and names a file that the server refuses", async () => {
  const photos = ["dog", "cat"].map((name) => join(DATA, name, "0.jpg"));
  const noPhoto = join(folder, "text.jpg");
  writeFileSync(noPhoto, "text");
  const serve = [VITRINE, "serve", "--model", ALWAYS_ANT, "--listen", "127.0.0.1:0"];
  const server = spawn(process.execPath, serve, { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const address = await addressOf(server);
    const here = lastJson<Answer[]>(run("classify", ...photos, "--model", ALWAYS_ANT, "--json"));
    const there = lastJson<Answer[]>(run("classify", ...photos, "--server", address, "--json"));
    assert.equal(there.map(inFloat32), here.map(inFloat32));
    const refused = run("classify", noPhoto, "--server", address);
    assert.is(refused.status, 1);
    assert.match(refused.errors, /image\/unknown-format: .*text\.jpg: /);
  } finally {
    server.kill("SIGTERM");
  }
});

test("a mistake is reported in one line, with exit status 1 and no stack trace", () => {
  const noPhoto = join(folder, "hello.jpg");
  writeFileSync(noPhoto, "hello");
  const empty = join(folder, "empty");
  mkdirSync(empty);
  const cases: [RegExp, string[]][] = [
    [/file\/not-found: .*no such file/, ["validate", "--data", join(folder, "none"), "--model", ALWAYS_ANT]],
    [/data\/no-class-folders: .*empty/, ["validate", "--data", empty, "--model", ALWAYS_ANT]],
    [
      /file\/not-found: .*no such file or folder; a data set is/,
      ["validate", "--data", "x", "--model", ALWAYS_ANT],
    ],
    [/model\/no-model: .*no model.safetensors/, ["validate", "--data", DATA, "--model", empty]],
    [
      /device\/unknown: .*tfjs:cpu/,
      ["validate", "--data", DATA, "--model", ALWAYS_ANT, "--device", "tfjs:webgl"],
    ],
    [/image\/unknown-format: .*hello\.jpg/, ["classify", noPhoto, "--model", ALWAYS_ANT]],
    [/file\/not-found: .*no-photo/, ["classify", join(folder, "no-photo.jpg"), "--model", ALWAYS_ANT]],
    [/usage\/command-line: .*either --model PATH or --server ADDRESS/, ["classify", noPhoto]],
    [
      /file\/unreadable: x{100,200}…: cannot be read \(ENAMETOOLONG\)/,
      ["classify", noPhoto, "--model", "x".repeat(600)],
    ],
    [/usage\/number: --top-k got "0"/, ["classify", noPhoto, "--model", ALWAYS_ANT, "--top-k", "0"]],
  ];
  for (const [expected, args] of cases) {
    const { status, errors } = run(...args);
    assert.is(status, 1, args.join(" "));
    assert.is(errors.trim().split("\n").length, 1, errors);
    assert.match(errors, expected);
  }
});

test.run();
