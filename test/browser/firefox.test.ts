// The page in Firefox, the main path: it loads, shares memory, classifies as Node does, and opens without its site.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { addressOf, runCommand } from "../inference/run-command.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { Firefox, findFirefox } from "./marionette.js";

const TOLERANCE = 1e-4;
const READY = "document.body.dataset.model === 'ready'";

/** Logits that the page gives for a chosen picture. */
const CLASSIFY = `
  const bytes = Uint8Array.from(atob(args[0]), (character) => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "waves.jpg", { type: "image/jpeg" }));
  const field = document.getElementById("file");
  const heard = new Promise((resolve) => addEventListener("vitrine:classified", resolve, { once: true }));
  field.files = transfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
  return [...(await heard).detail.classification.logits];`;

async function logitsHere(folder: string, jpeg: Uint8Array): Promise<number[]> {
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm", threads: 1 });
  const model = await loadModel(runtime, nodeModelSource(folder));
  const logits = [...(await model.logits(await model.readPicture(jpeg), 1)).logits];
  model.dispose();
  await runtime.dispose();
  return logits;
}

async function mainPath(executable: string): Promise<void> {
  const tiny = makeTinyModel();
  const server = runCommand("client", "--model", tiny.folder, "--listen", "127.0.0.1:0");
  const firefox = await Firefox.start(executable);
  try {
    const address = await addressOf(server);
    await firefox.open(address);
    await firefox.until(READY);
    assert.is(await firefox.run("return crossOriginIsolated"), true);
    const jpeg = wavesJpeg(3);
    const expected = await logitsHere(tiny.folder, jpeg);
    const classify = () => firefox.run<number[]>(CLASSIFY, jpeg.toString("base64"));
    const logits = await classify();
    assert.is(logits.length, expected.length);
    for (const [index, value] of logits.entries())
      assert.ok(Math.abs(value - (expected[index] ?? Number.NaN)) <= TOLERANCE, `class ${index}`);
    await firefox.until("document.body.dataset.photograph === 'classified'");
    await firefox.until("document.body.dataset.offline === 'ready'");
    server.child.kill("SIGKILL");
    await server.ended;
    await firefox.open(address);
    await firefox.until(READY);
    assert.equal(await classify(), logits);
  } finally {
    firefox.close();
    server.child.kill("SIGKILL");
    tiny.remove();
  }
}

const executable = findFirefox();
if (executable) {
  test("the page loads, shares memory, classifies as Node does, and does so without its site, too", () =>
    mainPath(executable));
  test.run();
} else console.log("skipped: needs firefox");
