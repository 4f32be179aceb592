// tfjs in a page: `vitrine/tfjs` straight from dist/ with tfjs's own browser builds, on Vitrine's GPUDevice and on
// tfjs's backends.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import sirv from "sirv";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadTensorModel, shareDevice } from "../../runtime/tfjs/index.js";
import { SYNTHETIC, syntheticWeights, writeModelFolder } from "../models/synthetic-model.js";
import { assertClose } from "../nn/compare.js";
import { findChromium, launchChromium, SWIFTSHADER } from "./chromium.js";

const DIST = fileURLToPath(new URL("../../", import.meta.url));
const BUILDS = ["tfjs-core/dist/tf-core", "tfjs-backend-cpu/dist/tf-backend-cpu"];
BUILDS.push("tfjs-backend-webgpu/dist/tf-backend-webgpu");

/** Folder of the packages: the parent of tfjs-core. */
const packages = join(dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs-core"))), "../..");
const folder = mkdtempSync(join(tmpdir(), "vitrine-tfjs-page-"));
writeModelFolder(join(folder, "made"), SYNTHETIC, syntheticWeights(SYNTHETIC), ["ant", "bee", "cat", "dog"]);

/** The page: tfjs from script elements, and a function that returns a device's logits for fixed images. */
const PAGE = `<!doctype html><title>tfjs</title>
${BUILDS.map((build) => `<script src="/packages/${build}.min.js"></script>`).join("\n")}
<script type="module">
import { createRuntime } from "/runtime/create-runtime.js";
import { browserHost } from "/runtime/host/browser.js";
import { urlModelSource } from "/runtime/host/browser-source.js";
import { createTfjsRuntime, loadTensorModel, shareDevice } from "/runtime/tfjs/index.js";

const host = browserHost(new URL("/", location.href));
const source = urlModelSource(new URL("/models/made/", location.href));

async function open(device) {
  if (device === "webgpu") return createRuntime({ host, device });
  await tf.setBackend(device.replace("tfjs:", ""));
  return createTfjsRuntime({ host, tf });
}

globalThis.logitsOn = async (device) => {
  const runtime = await open(device);
  const shared = await shareDevice(runtime, async () => tf);
  const model = await loadTensorModel(runtime, shared, source, { batchSize: 2 });
  const { imageSize } = model.config;
  const images = tf.tensor(Float32Array.from({ length: 6 * imageSize ** 2 }, (_, i) => Math.sin(i)), [2, 3, imageSize, imageSize]);
  const logits = await model.logits(images);
  const values = [...(await logits.data())];
  for (const tensor of [images, logits]) tensor.dispose();
  model.dispose();
  shared.dispose();
  await runtime.dispose();
  return { values, description: runtime.description };
};
</script>`;

/** The same in Node, on tfjs:cpu. */
async function wantedLogits(): Promise<Float32Array> {
  const runtime = await createRuntime({ host: nodeHost(), device: "tfjs:cpu" });
  const shared = await shareDevice(runtime);
  const model = await loadTensorModel(runtime, shared, nodeModelSource(join(folder, "made")), {
    batchSize: 2,
  });
  const { tf } = shared.backend;
  const length = 6 * SYNTHETIC.imageSize ** 2;
  const images = tf.tensor(
    Float32Array.from({ length }, (_, i) => Math.sin(i)),
    [2, 3, SYNTHETIC.imageSize, SYNTHETIC.imageSize],
  );
  const logits = await model.logits<typeof images>(images);
  const values = Float32Array.from(await logits.data());
  model.dispose();
  await runtime.dispose();
  return values;
}

let server: Server;
let browser: Browser;

async function start(executable: string): Promise<void> {
  const files = {
    "/packages": sirv(packages, { dev: true }),
    "/models": sirv(folder, { dev: true }),
    "": sirv(DIST, { dev: true }),
  };
  server = createServer((request, response) => {
    if (request.url === "/") return void response.setHeader("Content-Type", "text/html").end(PAGE);
    const [prefix, serve] = Object.entries(files).find(([path]) => request.url?.startsWith(path)) as [
      string,
      (typeof files)[""],
    ];
    request.url = request.url?.slice(prefix.length);
    serve(request, response, () => void response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await launchChromium(executable, SWIFTSHADER);
}

function registerTests(executable: string): void {
  test.before(() => start(executable));
  test.after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    rmSync(folder, { recursive: true });
  });

  test("tensors go into models and out of them on webgpu and on tfjs's own backends, as in Node", async () => {
    const wanted = await wantedLogits();
    const page = await browser.newPage();
    const pageErrors: string[] = [];
    page.on("pageerror", (error) => pageErrors.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction("globalThis.logitsOn");
    for (const device of ["webgpu", "tfjs:webgpu", "tfjs:cpu"]) {
      const { values, description } = (await page.evaluate(`logitsOn("${device}")`)) as {
        values: number[];
        description: string;
      };
      assert.match(description, new RegExp(`^${device}: `));
      assertClose(values, wanted, 1e-5, device);
    }
    assert.equal(pageErrors, []);
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  rmSync(folder, { recursive: true });
}
