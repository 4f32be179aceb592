// tfjs-wasm as a peer of the train bench: tfjs.js FOLDER BATCH direct|tuned

import { readImage, readInputs } from "../peers/inputs.js";
import { serveRounds } from "../peers/peer.js";
import { loadTfjs, registerGradients, type Variable } from "../peers/tfjs.js";
import { type TfjsStyle, tfjsDeit, tfjsWeights } from "../peers/tfjs-deit.js";
import { CHECKED_STEPS, isDecayed, STEP, stepTargets } from "../peers/training-step.js";

const [folder, batchText, style] = process.argv.slice(2) as [string, string, TfjsStyle];
const batch = Number(batchText);
const { config, weights, settings = STEP } = readInputs(folder);
const { learningRate, weightDecay, beta1, beta2, epsilon, smoothing } = settings;
const tf = await loadTfjs();
await registerGradients();
const variables = new Map(
  [...tfjsWeights(weights)].map(([name, { shape, data }]) => [
    name,
    tf.variable(tf.tensor(data, shape), true, name),
  ]),
);
const trained = [...variables.values()].filter(({ name }) => !name.startsWith("head_dist."));
const decayed = trained.filter(({ name, shape }) => isDecayed(name, shape, settings));
const side = config.imageSize;
const image = tf.tensor(readImage(folder, config, batch), [batch, 3, side, side]);
const targets = tf.tensor(stepTargets(batch, config.classes, smoothing), [batch, config.classes]);
const optimizer = tf.train.adam(learningRate, beta1, beta2, epsilon);

async function call(): Promise<number> {
  const { value, grads } = tf.variableGrads(() => {
    const weight = (name: string) => variables.get(name) as Variable;
    const { classLogits } = tfjsDeit(tf, config, weight, image, style);
    const perImage = tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(classLogits)), -1));
    return tf.mean(perImage);
  }, trained);
  // AdamW decays weights before Adam's step and independently of the gradients.
  for (const variable of decayed)
    tf.tidy(() => variable.assign(tf.mul(variable, tf.scalar(1 - learningRate * weightDecay))));
  optimizer.applyGradients(grads);
  for (const gradient of Object.values(grads)) gradient.dispose();
  const [loss] = await value.data();
  value.dispose();
  return loss;
}

const losses: number[] = [];
const spans: number[] = [];
while (losses.length < CHECKED_STEPS) {
  const start = performance.now();
  losses.push(await call());
  spans.push(performance.now() - start);
}
// A direct step takes 17 s: the checked steps except the first are the measurement.
await serveRounds(losses, call, style === "direct" ? spans.slice(1) : []);
