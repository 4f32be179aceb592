// The dashboard in Chromium, over real runs: what it shows while they train, what its buttons do, and what it says when
// the trainer is gone.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RunSnapshot } from "../../proto/dashboard.js";
import { findChromium, launchChromium } from "../browser/chromium.js";
import { createDataSet } from "../data/synthetic-data-set.js";
import { type RunningCommand, runCommand } from "../inference/run-command.js";
import { tinyConfig, writeTinyModel } from "../trainer/tiny-model.js";
import { startTrainer, type TrainerProcess } from "../trainer/trainer-process.js";

const folder = mkdtempSync(join(tmpdir(), "vitrine-dashboard-"));
const set = createDataSet(24);
const labels = ["dog", "cat", "emu"];
const pageErrors: string[] = [];
let browser: Browser;
let page: Page;
let live: TrainerProcess;
let link: string;

const out = (name: string) => join(folder, "runs", name);
const STEPS = 600;

/** Steps that take about ten milliseconds, so that there is time to look at them. */
function trainFlags(name: string, steps: number, ...more: string[]): string[] {
  const data = [
    "--data",
    set.path,
    "--val",
    set.path,
    "--out",
    out(name),
    "--workers",
    "1",
    "--threads",
    "1",
  ];
  const model = ["--model", join(folder, "model", "config.json"), "--teacher", join(folder, "teacher")];
  const recipe = ["--distillation", "hard", "--batch-size", "8", "--repeats", "1", "--seed", "3"];
  return [...data, ...model, ...recipe, "--steps", String(steps), "--val-interval", "40", ...more];
}

async function until<Value>(
  what: string,
  find: () => Promise<Value | undefined | false> | Value,
): Promise<Value> {
  for (let tries = 0; tries < 600; tries++) {
    const value = await find();
    if (value) return value as Value;
    await delay(50);
  }
  throw new Error(`${what} did not happen`);
}

const linkOf = (command: { output(): string | { stdout: string } }) =>
  until("the link", () => {
    const output = command.output();
    return /^dashboard: (\S+)$/m.exec(typeof output === "string" ? output : output.stdout)?.[1] ?? "";
  });

const snapshot = async (id: string): Promise<RunSnapshot> =>
  (await (await fetch(new URL(`/api/runs/${id}`, link))).json()) as RunSnapshot;

const click = (name: string) => page.getByRole("button", { name, exact: true }).click();
const phase = () => page.locator(".run-phase").textContent();
const untilPhase = (text: string) => until(`"${text}"`, async () => (await phase()) === text);
const said = (text: RegExp) => page.locator(".controls [role=status]").filter({ hasText: text }).waitFor();

async function expectNoViolations(state: string): Promise<void> {
  const violations = await page.evaluate(`${axe.source}; axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))`);
  assert.equal(violations, [], state);
}

/** Bytes of the weights of RUN/last. */
const weights = (name: string) => readFileSync(join(out(name), "last", "model.safetensors"));

function registerTests(executable: string): void {
  test.before(async () => {
    const sizes = { dim: 96, depth: 4, heads: 3, mlpDim: 192 };
    await writeTinyModel(join(folder, "model"), tinyConfig(sizes), labels, 1);
    await writeTinyModel(join(folder, "teacher"), tinyConfig({ distilled: false }), labels, 2);
    const first = startTrainer(trainFlags("first", 80, "--lr", "0.004"));
    assert.is(await first.ended, 0, first.errors());
    browser = await launchChromium(executable);
    page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    page.on("pageerror", ({ message }) => pageErrors.push(message));
    live = startTrainer(trainFlags("followed", STEPS, "--dashboard", "127.0.0.1:0"));
    link = await linkOf(live);
    await page.goto(link);
  });

  test.after(async () => {
    live.process.kill("SIGKILL");
    await browser?.close();
    set.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the curves of a run appear and grow while it trains, with a table behind each", async () => {
    await page.getByRole("heading", { name: "followed" }).waitFor();
    const step = () => page.locator(".tile b").first().textContent();
    const before = Number(
      (await until("a step", async () => (await step()) !== "0" && step()))?.replace(",", ""),
    );
    await until("a later step", async () => Number((await step())?.replace(",", "")) > before);
    const chart = page.locator(".chart").first();
    const line = chart.locator(".chart-line").first();
    const path = await line.getAttribute("d");
    await until("a longer line", async () => (await line.getAttribute("d")) !== path);
    await chart.locator("summary").click();
    // The table is built after the click, and grows with the run.
    await chart.locator("tbody tr").nth(1).waitFor();
    const titles = await page.locator(".chart-title").allTextContents();
    for (const title of ["Loss", "Terms of the loss", "Agreement with the teacher", "Learning rate"])
      assert.ok(titles.includes(title), `${title} of ${titles}`);
  });

  test("a batch is shown as the model sees it, with labels, both heads and the teacher", async () => {
    await click("Show the batches");
    const pictures = page.locator(".gallery .exhibit-picture");
    await pictures.first().waitFor();
    assert.is(await pictures.count(), 8);
    const sizes = await page
      .locator(".gallery img")
      .evaluateAll((images) =>
        Promise.all(
          images.map((image) =>
            (image as HTMLImageElement).decode().then(() => (image as HTMLImageElement).naturalWidth),
          ),
        ),
      );
    assert.equal(sizes, Array(8).fill(32));
    const text = await pictures.first().textContent();
    for (const who of ["class head", "distillation", "teacher"])
      assert.ok(text?.includes(who), `${who}: ${text}`);
    assert.match(text ?? "", /dog|cat|emu/);
    await click("Leave this batch standing");
  });

  test("a paused run has saved its step and makes no other one", async () => {
    await click("Pause");
    await untilPhase("paused");
    const { step } = await snapshot("followed");
    await delay(300);
    const paused = await snapshot("followed");
    assert.equal([paused.step, paused.checkpoints[0]?.step], [step, step]);
    await expectNoViolations("paused, with pictures");
  });

  test("a chart is read by arrow keys, and nothing needs a pointer", async () => {
    const chart = page.locator(".chart").first();
    await chart.locator(".chart-plot").focus();
    const readout = chart.locator(".chart-readout");
    await page.keyboard.press("ArrowLeft");
    const text = await readout.textContent();
    for (let i = 0; i < 30; i++) await page.keyboard.press("ArrowLeft");
    assert.is.not(await readout.textContent(), text);
  });

  test("on a phone nothing scrolls sideways; forced colors keep the lines", async () => {
    await page.setViewportSize({ width: 320, height: 640 });
    const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok((wide ?? 0) <= (width ?? 0), `${wide} of ${width} pixels`);
    await page.emulateMedia({ forcedColors: "active" });
    const line = page.locator(".chart-line").first();
    const [stroke, ink] = await line.evaluate((path) => [
      getComputedStyle(path).stroke,
      getComputedStyle(document.body).color,
    ]);
    assert.is(stroke, ink);
    await page.emulateMedia({ forcedColors: "none" });
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test("Resume goes on", async () => {
    const { step } = await snapshot("followed");
    await click("Resume");
    await until("a later step", async () => (await snapshot("followed")).step > step);
  });

  test("Save writes a checkpoint and says of which step", async () => {
    await click("Save");
    await said(/holds [\d,]+ steps/);
  });

  test("mistakes of the last validation are shown with answer and label", async () => {
    await until("a validation", async () => (await snapshot("followed")).scores !== null);
    const titles = page.locator(".chart-title");
    await until("its chart", async () => (await titles.allTextContents()).includes("Top-1 accuracy"));
    await click("Show the mistakes");
    const mistake = page.locator("section", { hasText: "Mistakes of the validation" }).locator("li").first();
    await mistake.waitFor();
    assert.match((await mistake.textContent()) ?? "", /(dog|cat|emu) \d+%is (dog|cat|emu)/);
  });

  test("Stop asks, saves and ends the run, whose weights are those of a run that nobody followed", async () => {
    await click("Stop …");
    await click("Stop the run");
    await untilPhase("stopped");
    assert.is(await live.ended, 130);
    const { step } = JSON.parse(readFileSync(join(out("followed"), "last", "state.json"), "utf8"));
    assert.ok(step > 0 && step < STEPS, `step ${step}`);
    assert.match((await page.locator(".run-heading").textContent()) ?? "", /continue with --resume/);
    await expectNoViolations("stopped");
    const resumed = startTrainer(trainFlags("followed", STEPS, "--resume"));
    const undisturbed = startTrainer(trainFlags("undisturbed", STEPS));
    assert.equal(
      [await resumed.ended, await undisturbed.ended],
      [0, 0],
      resumed.errors() + undisturbed.errors(),
    );
    assert.ok(weights("followed").equals(weights("undisturbed")));
  });

  test("of a trainer that is killed the page says so, and follows its successor at the address", async () => {
    const address = new URL(link).host;
    const killed = startTrainer(trainFlags("killed", STEPS, "--dashboard", address));
    await linkOf(killed);
    await page.goto(link);
    await page.getByRole("heading", { name: "killed" }).waitFor();
    await until("a step", async () => (await snapshot("killed")).step > 0);
    killed.process.kill("SIGKILL");
    await page.getByRole("alert").filter({ hasText: "The trainer does not answer." }).waitFor();
    await expectNoViolations("killed");
    live = startTrainer(trainFlags("killed", STEPS, "--resume", "--dashboard", address));
    await until("another step", async () => (await phase()) === "training");
    live.process.kill("SIGKILL");
    await live.ended;
  });

  test("two runs are compared, and their mistakes computed when someone asks", async () => {
    const command: RunningCommand = runCommand("dashboard", join(folder, "runs"), "--listen", "127.0.0.1:0");
    try {
      link = await linkOf(command);
      await page.goto(`${link}?run=first&run=undisturbed`);
      await page.getByRole("heading", { name: "first, undisturbed" }).waitFor();
      const chart = page.locator(".chart").first();
      assert.is(await chart.locator(".chart-line").count(), 2);
      const differing = await page.getByRole("region", { name: "Settings that differ" }).textContent();
      assert.match(differing ?? "", /--lr0\.004/);
      await expectNoViolations("comparison");
      await page.getByRole("button", { name: "first", exact: true }).click();
      await page.getByRole("heading", { name: "first", exact: true }).waitFor();
      assert.is(await page.getByRole("button", { name: "Pause" }).count(), 0);
      await click("Show the mistakes");
      await page.locator(".gallery img").first().waitFor();
      assert.is(new URL(page.url()).search, "?run=first");
    } finally {
      command.child.kill("SIGTERM");
      assert.is(await command.ended, 0);
    }
  });

  test("the page has met no error", () => {
    assert.equal(pageErrors, []);
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  set.remove();
}
