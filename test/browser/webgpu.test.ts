// WebGPU in the page: the same executor on the browser's own WebGPU, and the page's fallback without a GPU or after a
// device loss.

import type { Browser, Page, Route } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Classification } from "../../client/browser/index.js";
import { addressOf, type RunningCommand, runCommand } from "../inference/run-command.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { findChromium, launchChromium, SWIFTSHADER } from "./chromium.js";

const TOLERANCE = 1e-4;
/** SwiftShader compiles the kernels on the CPU: 10 s of a core, and tests run side by side. */
const TIMEOUT_MS = 150_000;
const tiny = makeTinyModel();
let server: RunningCommand;
let address: string;
let browser: Browser;

/** Prepended to the worker's own code: a page's message on the channel destroys the device that the worker opened. */
const LOSABLE = `{
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...wanted) {
    const device = await requestDevice.apply(this, wanted);
    new BroadcastChannel("lose").onmessage = () => device.destroy();
    return device;
  };
}
`;

async function makeLosable(route: Route): Promise<void> {
  const response = await route.fetch();
  await route.fulfill({ response, body: LOSABLE + (await response.text()) });
}

interface OpenPage {
  page: Page;
  pageErrors: string[];
}

async function openPage(device: string, from: Browser = browser): Promise<OpenPage> {
  const page = await from.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const pageErrors: string[] = [];
  page.on("pageerror", (error) => pageErrors.push(error.message));
  page.on("console", (message) => message.type() === "error" && pageErrors.push(message.text()));
  if (device === "webgpu" && from === browser) await page.route(/\/worker-[^/]*\.js$/, makeLosable);
  await page.goto(`${address}/?device=${device}`);
  await page.waitForSelector("body[data-model=ready]");
  return { page, pageErrors };
}

/** Chooses a picture; returns its logits from the page's own event. */
async function classify(page: Page, jpeg: Buffer): Promise<number[]> {
  const heard = page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        addEventListener(
          "vitrine:classified",
          (event) => {
            const { classification } = (event as CustomEvent<{ classification: Classification }>).detail;
            resolve([...classification.logits]);
          },
          { once: true },
        );
      }),
  );
  await page.setInputFiles("#file", { name: "waves.jpg", mimeType: "image/jpeg", buffer: jpeg });
  return heard;
}

const deviceOf = (page: Page) => page.evaluate(() => document.body.dataset.device);
const noteOf = async (page: Page) => (await page.textContent("#device-note")) || null;

function assertSame(got: readonly number[], want: readonly number[]): void {
  assert.is(got.length, want.length);
  for (const [i, value] of want.entries())
    assert.ok(Math.abs((got[i] as number) - value) <= TOLERANCE, `${i}: ${got[i]}, wanted ${value}`);
}

async function start(executable: string): Promise<void> {
  browser = await launchChromium(executable, SWIFTSHADER);
  server = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0");
  address = await addressOf(server);
}

async function stop(): Promise<void> {
  await browser?.close();
  server?.child.kill("SIGKILL");
  tiny.remove();
}

function registerTests(executable: string): void {
  test.before(() => start(executable));
  test.after(stop);

  test("a photograph has the same logits on webgpu and on wasm", async () => {
    const [gpu, wasm] = [await openPage("webgpu"), await openPage("wasm")];
    assert.equal([await deviceOf(gpu.page), await deviceOf(wasm.page)], ["webgpu", "wasm"]);
    assert.match(
      (await gpu.page.textContent("#device-line")) ?? "",
      /swiftshader.*, which computes on the CPU/i,
    );
    for (const seed of [1, 2, 3])
      assertSame(await classify(gpu.page, wavesJpeg(seed)), await classify(wasm.page, wavesJpeg(seed)));
    assert.equal([await noteOf(gpu.page), await noteOf(wasm.page)], [null, null]);
    assert.equal([...gpu.pageErrors, ...wasm.pageErrors], []);
    await Promise.all([gpu.page.close(), wasm.page.close()]);
  });

  test("a picture in progress when the GPU is lost is answered by wasm, and the page says so", async () => {
    const { page, pageErrors } = await openPage("webgpu");
    const before = await classify(page, wavesJpeg(4));
    await page.evaluate(() => new BroadcastChannel("lose").postMessage("now"));
    assertSame(await classify(page, wavesJpeg(4)), before);
    assert.is(await deviceOf(page), "wasm");
    assert.match((await noteOf(page)) ?? "", /^The graphics card was lost .*continues on the CPU/);
    assert.match((await page.textContent("#device-line")) ?? "", /CPU/);
    await classify(page, wavesJpeg(5));
    assert.equal(pageErrors, []);
    await page.close();
  });

  test("auto ignores a software adapter, without a notice", async () => {
    const { page } = await openPage("auto");
    assert.is(await deviceOf(page), "wasm");
    assert.is(await noteOf(page), null);
    const why = await page.getAttribute("#device-line", "title");
    assert.match(why ?? "", /^wasm: .*\(auto: no GPU but .*software.* was found\)$/);
    await page.close();
  });

  test("without an adapter, a page that requests WebGPU computes on wasm and says so", async () => {
    const bare = await launchChromium(executable);
    try {
      const { page } = await openPage("webgpu", bare);
      assert.is(await deviceOf(page), "wasm");
      assert.match((await noteOf(page)) ?? "", /^The graphics card cannot be used: no adapter was found/);
      assert.is((await classify(page, wavesJpeg(6))).length, 5);
    } finally {
      await bare.close();
    }
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
