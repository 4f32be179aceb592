// tfjs-wasm as a peer of the forward bench: tfjs.js FOLDER BATCH

import { readImage, readInputs } from "../peers/inputs.js";
import { serveRounds } from "../peers/peer.js";
import { loadTfjs, type Tensor } from "../peers/tfjs.js";
import { tfjsDeit, tfjsWeights } from "../peers/tfjs-deit.js";

const [folder, batchText] = process.argv.slice(2) as [string, string];
const batch = Number(batchText);
const { config, weights } = readInputs(folder);
const tf = await loadTfjs();
const tensors = new Map(
  [...tfjsWeights(weights)].map(([name, { shape, data }]) => [name, tf.tensor(data, shape)]),
);
const side = config.imageSize;
const image = tf.tensor(readImage(folder, config, batch), [batch, 3, side, side]);

async function call(): Promise<Float32Array> {
  const logits = tf.tidy(() => {
    const heads = tfjsDeit(tf, config, (name) => tensors.get(name) as Tensor, image, "tuned");
    if (!heads.distillationLogits) return heads.classLogits;
    return tf.mul(tf.add(heads.classLogits, heads.distillationLogits), tf.scalar(0.5));
  });
  const values = await logits.data();
  logits.dispose();
  return values;
}

await serveRounds([...(await call())], call);
