// The dashboard's display in Chromium, of a run that is as the test says: sizes of windows, and a server that is gone.

import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RunEntry, RunProgress } from "../../proto/dashboard.js";
import { type DashboardServer, startDashboard } from "../../server/dashboard/dashboard-server.js";
import { createPageHandler, PAGE_HEADERS } from "../../server/page/page-handler.js";
import { findChromium, launchChromium } from "../browser/chromium.js";
import { FakeObservedRun } from "./fake-observed-run.js";

const APP = fileURLToPath(new URL("../../app", import.meta.url));
const STEPS = Array.from({ length: 10 }, (_, index) => index + 1);
const RATE = 6.25e-5;

const PROGRESS: RunProgress = {
  ...{
    epoch: 1,
    epochs: 2,
    loss: 0.5,
    learningRate: RATE,
    imagesPerSecond: 12,
    dataWait: 0,
    dataStage: null,
  },
  ...{ elapsedSeconds: 60, remainingSeconds: 564, peakBytes: 5e8, deviceBytes: null },
};

const others: RunEntry[] = STEPS.map((number) => {
  const id = `other-${number}`;
  return { id, name: id, isLive: false, phase: "finished", step: 10, steps: 10, best: null };
});

function registerTests(executable: string): void {
  let browser: Browser;
  let page: Page;
  let run: FakeObservedRun;
  let server: DashboardServer;

  test.before(async () => {
    browser = await launchChromium(executable);
  });

  test.after(() => browser.close());

  test.before.each(async () => {
    run = new FakeObservedRun();
    const curves = { learning_rate: { steps: STEPS, values: STEPS.map(() => RATE) } };
    run.state = { step: 10, steps: 100, progress: PROGRESS, best: { epoch: 0, top1: 50, loss: 1 }, curves };
    const runs = {
      list: async () => [await run.entry(), ...others],
      find: async (id: string) => (id === "fake" ? run : undefined),
    };
    const app = createPageHandler(APP, new Map(), "dashboard");
    server = await startDashboard({
      ...{ listen: "127.0.0.1:0", flag: "--listen", runs, page: app, headers: PAGE_HEADERS },
    });
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.goto(server.link);
    await page.getByRole("heading", { name: "fake" }).waitFor();
    await page.locator(".chart").waitFor();
  });

  test.after.each(async () => {
    await page.close();
    await server.close();
  });

  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const said = () => page.locator(".controls > [role=status]");
  const tile = (name: string) => page.locator(".tile").filter({ hasText: name });
  const entry = () => page.locator(".run-entry").first();

  test("of a run whose server is gone nothing says that it goes on", async () => {
    await button("Pause").click();
    await said().filter({ hasText: "Did pause." }).waitFor();
    assert.match((await entry().textContent()) ?? "", /training, step 10/);
    assert.match((await tile("Time").textContent()) ?? "", /about 9:24 to go/);
    await server.close();
    await page.getByRole("alert").filter({ hasText: "The trainer does not answer." }).waitFor();
    assert.is(await page.locator(".run-phase").textContent(), "lost");
    assert.match((await entry().textContent()) ?? "", /lost, step 10/);
    assert.is(await entry().getAttribute("data-phase"), "lost");
    assert.is(await said().textContent(), "");
    assert.not.match((await tile("Time").textContent()) ?? "", /to go/);
    assert.match(await page.title(), /^fake, lost/);
    // What was over before stays so.
    assert.match((await page.locator(".run-entry").last().textContent()) ?? "", /finished/);
  });

  test("no number stands alone in its row, with a best epoch or before there is one", async () => {
    for (const best of [run.state.best, null]) {
      run.state.best = best ?? null;
      await page.reload();
      await page.locator(".chart").waitFor();
      for (let width = 640; width <= 1920; width += 80) {
        await page.setViewportSize({ width, height: 900 });
        const tops = await page
          .locator(".tile")
          .evaluateAll((tiles) => tiles.map((one) => (one as HTMLElement).offsetTop));
        assert.is(tops.length, best ? 8 : 7);
        assert.is(tops.at(-2), tops.at(-1), `${width}: ${tops}`);
      }
    }
  });

  test("the learning rate has the same digits in its tile and in its chart", async () => {
    assert.is(await tile("Learning rate").locator("b").textContent(), "6.25e-5");
    assert.is(await page.locator(".chart-readout b").textContent(), "6.25e-5");
  });

  test("the axis of steps has whole steps alone", async () => {
    for (const width of [1920, 1440, 1280, 1000, 800, 600, 400]) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForFunction(() => {
        const [plot] = document.querySelectorAll(".chart-plot");
        return Math.abs((plot?.parentElement?.clientWidth ?? 0) - (plot?.clientWidth ?? 0)) < 1;
      });
      const ticks = await page.locator(".chart-grid > text").allTextContents();
      assert.ok(ticks.length > 1, `${width}: ${ticks}`);
      for (const text of ticks) assert.match(text, /^\d+$/, `${width}: ${ticks}`);
    }
  });

  test("a paused run has been saved: there is nothing to save until it goes on", async () => {
    const state = { activity: "", advice: "last holds step 10; the run waits.", checkpoints: [] };
    const event = { type: "state", state: { ...state, best: null, scores: null } } as const;
    assert.ok(await button("Save").isEnabled());
    run.send({ ...event, state: { ...event.state, phase: "paused" } });
    await page.getByText("last holds step 10").waitFor();
    assert.ok(await button("Save").isDisabled());
    run.send({ ...event, state: { ...event.state, phase: "training" } });
    await button("Pause").waitFor();
    assert.ok(await button("Save").isEnabled());
  });

  test("on a phone a long list of runs leaves the screen to the run, and each can be reached", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const heading = await page.locator(".run-title").boundingBox();
    assert.ok(heading && heading.y < 400, `at ${heading?.y}`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await button("other-10").click();
    await page.waitForURL(/run=other-10$/);
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else console.log("skipped: needs chromium");
