// Device recovery: a server whose GPU is lost still answers the affected request, and refuses requests that it cannot
// answer.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectInference } from "../../client/node/inference-client.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { type ModelOnDevice, RecoveringModel } from "../../server/inference/engine/recovering-model.js";
import { type InferenceServer, startInferenceServer } from "../../server/inference/inference-server.js";
import { observedHost, webgpuOrSkip } from "../executors/webgpu-device.js";
import { makeTinyModel, wavesJpeg } from "./tiny-model.js";

const tiny = makeTinyModel();
const { host, opened } = observedHost();
/** Number of devices that are lost as soon as they are opened, and whether no device is available. */
const fault = { lostAtOnce: 0, gone: false };

async function open(): Promise<ModelOnDevice> {
  if (fault.gone) throw new VitrineError("device/unavailable", "no adapter was found");
  const runtime = await createRuntime({ host, device: "webgpu" });
  const model = await loadModel(runtime, nodeModelSource(tiny.folder), { batchSizes: [1] });
  if (fault.lostAtOnce-- > 0) opened.at(-1)?.destroy();
  const { executor, description } = runtime;
  const dispose = async () => {
    model.dispose();
    await runtime.dispose();
  };
  return { device: executor.device, description, submit: model.submit, dispose };
}

const notices: string[] = [];
let running: RecoveringModel;
let server: InferenceServer;

async function start(): Promise<void> {
  running = new RecoveringModel(await open(), open, (text) => void notices.push(text));
  const wasm = await createRuntime({ host: nodeHost(), device: "wasm" });
  const { name, config, labels, parameters, readPicture } = await loadModel(
    wasm,
    nodeModelSource(tiny.folder),
  );
  const served = { name, config, labels, parameters, readPicture, device: running.device };
  const submit = (pixels: Uint8Array, count: number) => running.submit(pixels, count);
  server = await startInferenceServer({
    models: [{ ...served, submit }],
    listen: "127.0.0.1:0",
    version: "1",
  });
}

/** Probability of the best class, or the code of the error. */
async function ask(): Promise<number | string> {
  const client = connectInference(server.address);
  try {
    const [classes] = await client.classify([wavesJpeg(3)], { topK: 1 });
    return classes?.[0]?.probability as number;
  } catch (error) {
    if (!isVitrineError(error)) throw error;
    return error.code;
  } finally {
    client.close();
  }
}

const found = await webgpuOrSkip();
await found?.dispose();
if (found) {
  test.before(start);
  test.after(async () => {
    await server.drain();
    await running.dispose();
    tiny.remove();
  });

  test("the request affected by the loss gets the same answer as the one before it, on a new device", async () => {
    const before = await ask();
    assert.type(before, "number");
    for (let loss = 1; loss <= 2; loss++) {
      opened.at(-1)?.destroy();
      assert.is(await ask(), before);
      assert.is(opened.length, 1 + loss);
    }
    assert.match(notices[0] as string, /^the WebGPU device on .* was lost/);
    assert.match(notices[1] as string, /^the model is back: webgpu: /);
  });

  test("requests that wait while the device is lost are answered too", async () => {
    const asked = [ask(), ask(), ask()];
    opened.at(-1)?.destroy();
    const answers = await Promise.all(asked);
    for (const answer of answers) assert.is(answer, answers[0]);
    assert.type(answers[0], "number");
  });

  test("a request is repeated once: a second loss is reported, and the next request gets a device", async () => {
    fault.lostAtOnce = 1;
    opened.at(-1)?.destroy();
    assert.is(await ask(), "device/lost");
    assert.type(await ask(), "number");
  });

  test("without a device every request fails with that reason, until one is available", async () => {
    fault.gone = true;
    opened.at(-1)?.destroy();
    assert.is(await ask(), "device/unavailable");
    assert.is(await ask(), "device/unavailable");
    fault.gone = false;
    assert.type(await ask(), "number");
  });

  test.run();
} else tiny.remove();
