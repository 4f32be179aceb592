// Report: the page about a run holds what the run's files say, escapes what is from outside, loads nothing, and makes
// sense of runs that have little to show.

import { spawnSync } from "node:child_process";
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
import { fileURLToPath } from "node:url";
import { parseHTML } from "linkedom";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeReport } from "../../bin/report/make-report.js";
import { runPage } from "../../bin/report/page.js";
import { PictureBudget } from "../../bin/report/pictures.js";
import { readRunHistory } from "../../bin/report/read-run.js";
import { reportSources } from "../../bin/report/sources.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { ClassScores } from "../../trainer/class-scores.js";
import { drawValidation, metricsText, writeFakeRun } from "./fake-history.js";

const VITRINE = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "vitrine-report-"));
test.after(() => rmSync(folder, { recursive: true }));

/** Names as a stranger might choose them. */
const HOSTILE = ["<script>alert(1)<", "\"x' & y", "</style><b>", "ant"];
const VAL = join(folder, "val");
const COUNTS = { [HOSTILE[0] as string]: 5, [HOSTILE[1] as string]: 3, ant: 2 };

interface Page {
  text: string;
  document: Document;
  words: string;
}

function readPage(path: string): Page {
  const text = readFileSync(path, "utf8");
  const { document } = parseHTML(text);
  return { text, document, words: (document.body.textContent ?? "").replace(/\s+/g, " ") };
}

async function reportOn(runs: string[], changes: { val?: string; mostImages?: number } = {}): Promise<Page> {
  const out = join(folder, "page.html");
  const sources = reportSources({ device: "wasm", threads: 1, workers: 0 });
  await makeReport({ runs, out, mostImages: 100, sources, ...changes });
  return readPage(out);
}

function runOf(name: string, ...fake: Parameters<typeof writeFakeRun>[1][]): string {
  const run = join(folder, name);
  writeFakeRun(run, fake[0] ?? { labels: HOSTILE });
  return run;
}

/** Nothing is loaded, nothing runs, nothing is NaN. */
function assertSelfContained({ text, document }: Page): void {
  assert.is(document.querySelectorAll("script, link, iframe, object, embed").length, 0);
  for (const element of document.querySelectorAll("[src]"))
    assert.match(element.getAttribute("src") ?? "", /^data:image\/jpeg;base64,/);
  assert.is(document.querySelectorAll("[href], [onload], [onclick]").length, 0);
  assert.not.match(text.replaceAll("http://www.w3.org/", ""), /https?:\/\/|url\(|@import/);
  for (const element of document.querySelectorAll("svg *"))
    for (const { value } of element.attributes) assert.not.match(value, /NaN|undefined|Infinity/);
}

test("a page holds numbers, curves, confusions, mistakes with attention, and settings; names from outside are text", async () => {
  drawValidation(VAL, COUNTS);
  const page = await reportOn([runOf("hostile", { labels: HOSTILE, state: { validationPath: VAL } })]);
  assertSelfContained(page);
  const { document, words, text } = page;
  assert.match(words, /The run is finished\./);
  assert.match(words, /Best top-130\.0%/);
  assert.match(words, /on 10 validation images: 5 right, 50\.0%\. With 3\.3 pictures a class on average/);
  // 30 steps of 4 images at 50 images a second.
  assert.match(words, /Time in steps2 s/);
  assert.match(words, /answer <script>alert\(1\)< 71\.1%, label "x' & y 9\.6%/);
  assert.ok(text.includes("&lt;script&gt;alert(1)&lt;"));
  assert.is(document.querySelectorAll(".card").length, 5);
  assert.is(document.querySelectorAll(".card img").length, 10, "each mistake beside its attention");
  assert.is(document.querySelectorAll(".charts svg").length, 5);
  assert.match(words, /--epochs3 ?300/);
  const flags = [...document.querySelectorAll(".settings code")].map(({ textContent }) => textContent);
  assert.equal(
    flags.filter((flag) => flag?.includes("ema")),
    ["--ema", "--ema-decay", "--ema-warmup"],
    "no setting under two flags",
  );
  assert.not.ok(text.includes(folder), "no path of this machine");
  assert.ok(text.length < 400_000, `${text.length} characters`);
  const cells = [...document.querySelectorAll("svg[aria-label='Confusion matrix'] [aria-label='text'] text")];
  assert.equal(cells.map((cell) => cell.textContent).sort(), ["2", "3", "5"]);
});

test("fewer validation images are spread over the data set, and the page says so", async () => {
  const { words } = await reportOn([runOf("few")], { val: VAL, mostImages: 4 });
  assert.match(words, /on 4 of 10 validation images, evenly spaced: 2 right/);
});

test("a run that was cut off midway, without validation data, is a page that says what is missing", async () => {
  const metrics = `${metricsText(14)}15,1,4,0.00`;
  const state = { step: 14, finished: false, cursor: { epoch: 1, batch: 4 }, best: null };
  const page = await reportOn([runOf("cut", { labels: HOSTILE, metrics, state })]);
  assertSelfContained(page);
  assert.match(page.words, /not finished: its last checkpoint holds step 14 of 30; vitrine train --resume/);
  assert.match(page.words, /no validation data/);
  assert.is(page.document.querySelectorAll(".card").length, 0);
});

test("a run without steps, and one whose validation data are gone, still give a page", async () => {
  const none = await reportOn([
    runOf("none", { labels: HOSTILE, metrics: null, state: { step: 0, best: null } }),
  ]);
  assertSelfContained(none);
  assert.match(none.words, /No steps yet/);
  const gone = await reportOn([
    runOf("gone", { labels: HOSTILE, state: { validationPath: join(folder, "no") } }),
  ]);
  assert.match(gone.words, /No classes and mistakes: .*no such file or folder/);
});

test("a distilled run has charts of its heads, of the terms of its loss, and of its agreement with the teacher", async () => {
  const columns =
    ",base_loss,distillation_loss,teacher_agreement,validation_class_top1,validation_class_loss";
  const [head = "", ...rows] = metricsText(30).trim().split("\n");
  const cells = rows.map((row, index) => `${row},1,2,75,${(index + 1) % 10 === 0 ? "88,0.9" : ","}`);
  const metrics = `${[head + columns, ...cells].join("\n")}\n`;
  const page = await reportOn([runOf("distilled", { labels: HOSTILE, metrics })]);
  assertSelfContained(page);
  assert.is(page.document.querySelectorAll(".charts svg").length, 8);
  assert.match(page.words, /val 30\.0%avg 30\.0%class 88\.0%/);
  assert.match(
    page.words,
    /Loss of each head validation.*0\.900.*Terms of the loss.*base 1\.000distil\. 2\.000.*75\.0%/,
  );
});

test("several runs share their charts, and settings and classes in which they differ are listed", async () => {
  const [a, b] = [runOf("a"), runOf("b", { labels: ["ant", "x", "y", "z"] })];
  writeFileSync(
    join(b, "last", "state.json"),
    readFileSync(join(b, "last", "state.json"), "utf8").replace('"lr": 1,', '"lr": 0.5,'),
  );
  const ants = join(folder, "ants");
  drawValidation(ants, { ant: 2 });
  const page = await reportOn([a, b], { val: ants });
  assertSelfContained(page);
  assert.match(page.words, /setting ?AB ?--lr10\.5/);
  assert.match(page.words, /class ?AB ?ant0%100%/);
  assert.match(page.words, /A 30\.0%B 30\.0%/);
});

test("a thousand classes become the worst, the best and the most confused, not a thousand bars", async () => {
  const classes = Array.from({ length: 1000 }, (_, index) => `class number ${index}`);
  const classMap = Int32Array.from(classes.keys());
  const scores = new ClassScores(classMap);
  for (const label of classMap) {
    const row = new Float32Array(1000);
    row[label % 3 === 0 ? label : (label + 1) % 1000] = 5;
    scores.add(row, label);
  }
  const history = { ...(await readRunHistory(runOf("many"))), labels: classes };
  const counts = { samples: 1000, skipped: 0, size: 32, mistakes: [] };
  const predictions = { scores, classes, labels: classes, classMap, ...counts };
  const run = { history, predictions, parameters: 5e6, batch: null, notes: [] };
  const pictures = new PictureBudget(await createImageModule(nodeHost()));
  const path = join(folder, "many.html");
  writeFileSync(path, await runPage(run, pictures));
  const page = readPage(path);
  assertSelfContained(page);
  assert.match(page.words, /the 15 worst of 1000/);
  assert.match(page.words, /class number 1 → class number 2/);
  assert.ok(page.text.length < 200_000, `${page.text.length} characters`);
});

test("pictures stop at their limit and are counted", async () => {
  const pictures = new PictureBudget(await createImageModule(nodeHost()), 3000);
  const data = Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => (i * 7919) % 256);
  const large = await pictures.image({ width: 300, height: 200, data }, "noise");
  assert.is(large, null);
  const small = await pictures.image({ width: 8, height: 8, data: data.subarray(0, 192) }, 'a "name"');
  assert.match(
    small?.text ?? "",
    /^<img src="data:image\/jpeg;base64,[^"]+" width="8" height="8" alt="a &quot;name&quot;">$/,
  );
  assert.is(pictures.omitted, 1);
});

const report = (...args: string[]) =>
  spawnSync(process.execPath, [VITRINE, "report", "--device", "wasm", ...args], { encoding: "utf8" });

test("mistakes are one line: no run, a model in place of a run, too many runs, a name that is no page", () => {
  const run = runOf("fine");
  const wrong: [string[], RegExp][] = [
    [[join(folder, "missing")], /checkpoint\/missing: .*missing: no run: last\/state\.json is missing/],
    [[join(run, "last")], /checkpoint\/missing: .*this is a model; give the folder of its run/],
    [Array.from({ length: 7 }, () => run), /usage\/command-line: report got 7 runs; allowed: at most 6/],
    [[run, "--out", "model.safetensors"], /usage\/command-line: --out takes the name of an \.html file/],
  ];
  for (const [args, expected] of wrong) {
    const { status, stderr } = report(...args);
    assert.is(status, 1);
    assert.match(stderr, expected);
    assert.is(stderr.trim().split("\n").length, 1);
  }
  mkdirSync(join(folder, "taken.html"));
  assert.match(report(run, "--out", join(folder, "taken.html")).stderr, /file\/unwritable: .*taken\.html/);
  assert.not.ok(existsSync(join(folder, "taken.html.next")), "nothing partial stays");
  assert.equal(readdirSync(run).sort(), ["last", "metrics.csv"], "nothing was written into the run");
});

test.run();
