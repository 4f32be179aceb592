// tfjs-webgpu as a peer of the host bench: tfjs.js null|gpu forward|step BATCH SIDE. Its check is its number of dispatches.

import { benchPixels, benchWeights } from "../model-weights.js";
import { serveRounds } from "../peers/peer.js";
import { loadTfjsWebgpu, registerGradients, type Tensor, type Variable } from "../peers/tfjs.js";
import { tfjsDeit, tfjsWeights } from "../peers/tfjs-deit.js";
import { isDecayed, STEP, stepTargets } from "../peers/training-step.js";
import { hostConfig, openGpu, type Where } from "./setup.js";

const [where, task, batchText, sideText] = process.argv.slice(2) as [Where, string, string, string];
const batch = Number(batchText);
const config = hostConfig(Number(sideText));
const tf = await loadTfjsWebgpu(await openGpu(where));
const weights = tfjsWeights(benchWeights(config));
const side = config.imageSize;
const values = Float32Array.from(benchPixels(config, batch), (byte) => byte / 128 - 1);
const image = tf.tensor(values, [batch, 3, side, side]);

function forward(): () => Promise<unknown> {
  const tensors = new Map([...weights].map(([name, { shape, data }]) => [name, tf.tensor(data, shape)]));
  return async () => {
    const logits = tf.tidy(() => {
      const heads = tfjsDeit(tf, config, (name) => tensors.get(name) as Tensor, image, "direct");
      return tf.mul(tf.add(heads.classLogits, heads.distillationLogits as Tensor), tf.scalar(0.5));
    });
    await logits.data();
    logits.dispose();
  };
}

async function training(): Promise<() => Promise<unknown>> {
  await registerGradients();
  const { learningRate, weightDecay, beta1, beta2, epsilon, smoothing } = STEP;
  const variables = new Map(
    [...weights].map(([name, { shape, data }]) => [name, tf.variable(tf.tensor(data, shape), true, name)]),
  );
  const trained = [...variables.values()].filter(({ name }) => !name.startsWith("head_dist."));
  const decayed = trained.filter(({ name, shape }) => isDecayed(name, shape, STEP));
  const targets = tf.tensor(stepTargets(batch, config.classes, smoothing), [batch, config.classes]);
  const optimizer = tf.train.adam(learningRate, beta1, beta2, epsilon);
  const weightOf = (name: string) => variables.get(name) as Variable;
  return async () => {
    const { value, grads } = tf.variableGrads(() => {
      const { classLogits } = tfjsDeit(tf, config, weightOf, image, "direct");
      return tf.mean(tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(classLogits)), -1)));
    }, trained);
    for (const variable of decayed)
      tf.tidy(() => variable.assign(tf.mul(variable, tf.scalar(1 - learningRate * weightDecay))));
    optimizer.applyGradients(grads);
    for (const gradient of Object.values(grads)) gradient.dispose();
    await value.data();
    value.dispose();
  };
}

const call = task === "forward" ? forward() : await training();
const encoder = (globalThis as unknown as { GPUComputePassEncoder: { prototype: GPUComputePassEncoder } })
  .GPUComputePassEncoder.prototype;
const { dispatchWorkgroups } = encoder;
await call();
let dispatches = 0;
encoder.dispatchWorkgroups = function (this: GPUComputePassEncoder, ...sizes) {
  dispatches += 1;
  return dispatchWorkgroups.apply(this, sizes);
};
await call();
encoder.dispatchWorkgroups = dispatchWorkgroups;
await serveRounds([dispatches], call);
