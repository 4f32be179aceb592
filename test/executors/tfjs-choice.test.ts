// tfjs choice: the available backends, the errors for missing ones, and that other tfjs code keeps its own.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { createTfjsExecutor } from "../../runtime/executors/tfjs/executor.js";
import { importPackage, type LoadPackage } from "../../runtime/executors/tfjs/open-backend.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import { messageOf } from "./message-of.js";
import { MICRO, randomPixels, randomWeights } from "./micro-deit.js";
import { tf } from "./tfjs-claims.js";

const notInstalled: LoadPackage = async (name) => {
  throw Object.assign(new Error(`Cannot find package '${name}'`), { code: "ERR_MODULE_NOT_FOUND" });
};

async function logitsOn(device: string, load?: LoadPackage): Promise<Float32Array> {
  const executor = await createTfjsExecutor(device, { load });
  const inference = await createInference(executor, MICRO, randomWeights(MICRO, 1), { batchSizes: [2] });
  const { logits } = await inference.logits(randomPixels(MICRO, 2, 3), 2);
  inference.dispose();
  await executor.dispose();
  return logits;
}

test("an unknown backend is refused with the list of backends", async () => {
  const refused = await messageOf(() => createRuntime({ host: nodeHost(), device: "tfjs:webgl" }));
  assert.is(
    refused,
    'device/unknown: no device "tfjs:webgl"; tfjs devices: tfjs:cpu, tfjs:webgpu, tfjs:tensorflow (--device)',
  );
});

test("packages that are not installed give one line with the command that installs them", async () => {
  assert.is(
    await messageOf(() => createTfjsExecutor("tfjs:cpu", { load: notInstalled })),
    "device/unavailable: device tfjs:cpu: the optional package @tensorflow/tfjs-core is not installed: " +
      "npm install @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0, or use --device wasm",
  );
  assert.match(
    await messageOf(() => createTfjsExecutor("tfjs:webgpu", { load: notInstalled })),
    /npm install @tensorflow\/tfjs-core@4.22.0 @tensorflow\/tfjs-backend-webgpu@4.22.0/,
  );
});

test("without libtensorflow the error names the versions of Node and CUDA that it needs", async () => {
  const missing = await messageOf(() => createTfjsExecutor("tfjs:tensorflow", { load: notInstalled }));
  assert.match(
    missing,
    /^device\/unavailable: .*tfjs-node-gpu is not installed; .*tfjs-node is not installed/,
  );
  assert.match(
    missing,
    /Node 18 to 22 .*CUDA 11\.2 with cuDNN 8\.1.*npm install @tensorflow\/tfjs-node-gpu@4\.22\.0/,
  );
});

/** tfjs with its cpu backend registered as `tensorflow`, in place of tfjs-node. */
async function fakeBackend(changes: object = {}): Promise<object> {
  await importPackage("@tensorflow/tfjs-backend-cpu");
  if (!tf.getKernelsForBackend("tensorflow").length) {
    tf.copyRegisteredKernels("cpu", "tensorflow");
    const { MathBackendCPU } = (await importPackage("@tensorflow/tfjs-backend-cpu")) as {
      MathBackendCPU: new () => object;
    };
    tf.registerBackend("tensorflow", () => Object.assign(new MathBackendCPU(), { firstUse: false }));
  }
  return { ...tf, ...changes };
}

test("the tensorflow backend comes from tfjs-node-gpu, or from tfjs-node if that does not run", async () => {
  const wanted = await logitsOn("tfjs:cpu");
  const asked: string[] = [];
  const load: LoadPackage = async (name) => {
    asked.push(name);
    if (name.endsWith("-gpu")) return fakeBackend({ matMul: () => isNullOrUndefined() });
    return fakeBackend();
  };
  assert.equal([...(await logitsOn("tfjs:tensorflow", load))], [...wanted]);
  assert.equal(asked, ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"]);
  const broken: LoadPackage = () => fakeBackend({ matMul: () => isNullOrUndefined() });
  const message = await messageOf(() => createTfjsExecutor("tfjs:tensorflow", { load: broken }));
  assert.match(
    message,
    /tfjs-node does not load here \(util\.isNullOrUndefined is not a function\).*Node 23 removed/,
  );
});

function isNullOrUndefined(): never {
  throw new TypeError("util.isNullOrUndefined is not a function");
}

test("tfjs code around an executor keeps its backend and its tensors", async () => {
  await importPackage("@tensorflow/tfjs-backend-cpu");
  await tf.setBackend("cpu");
  const tensor = tf.tensor([1, 2, 3]);
  await logitsOn("tfjs:cpu");
  assert.is(tf.getBackend(), "cpu");
  const sum = tf.sum(tensor);
  assert.equal([...(await sum.data())], [6]);
  for (const each of [tensor, sum]) each.dispose();
});

test("using an executor after dispose() is an error that says so", async () => {
  const executor = await createTfjsExecutor("tfjs:cpu");
  await executor.dispose();
  assert.match(
    await messageOf(async () => executor.createStore(new Map([["x", 1]]))),
    /^device\/disposed: the tfjs executor was used after dispose/,
  );
});

test.run();
