// Bench of a training step: forward, loss, gradients and AdamW of Vitrine and its peers, taking turns.
//
// `npm run bench -- train [--model NAME] [--batch 8] [--threads 1,2] [--rounds 5] [--round-ms 500] [--json]`. All peers have
// the same weights and pixels; one whose losses of the first three steps differ from ours is refused.

import { benchPixels, benchWeights, forwardMultiplyAdds } from "./model-weights.js";
import { compare, nodePeer, torchPeer } from "./peers/comparison.js";
import { writeInputs } from "./peers/inputs.js";
import { comparisonFlags } from "./peers/options.js";
import {
  printBackends,
  printHeading,
  printRatios,
  printTable,
  ratiosOf,
  rowOf,
  sameComputation,
} from "./peers/report.js";
import { STEP } from "./peers/training-step.js";

const VITRINE = (threads: number) => `vitrine ${threads}`;
const TFJS = "tfjs-wasm 1";
const TFJS_TUNED = "tfjs-wasm tuned 1";
const TORCH = "pytorch 1";

const PAIRS = {
  vsPytorch1: [VITRINE(1), TORCH],
  vsTfjsWasm1: [VITRINE(1), TFJS],
  vsTfjsWasmTuned1: [VITRINE(1), TFJS_TUNED],
  threads2Vs1: [VITRINE(2), VITRINE(1)],
} as const;

/** Of a linear layer: one forward, two backward. */
const PRODUCTS = 3;

export async function main(words: readonly string[]): Promise<void> {
  const flags = comparisonFlags(words, "8");
  const { model, config, threads } = flags;
  const [batch] = flags.batches;
  const { folder, remove } = writeInputs(
    { config, weights: benchWeights(config), settings: STEP },
    benchPixels(config, batch),
  );
  const peers = threads.map((count) => nodePeer(VITRINE(count), "train/vitrine.js", folder, batch, count));
  if (threads.includes(1))
    peers.push(
      nodePeer(TFJS, "train/tfjs.js", folder, batch, "direct"),
      nodePeer(TFJS_TUNED, "train/tfjs.js", folder, batch, "tuned"),
      torchPeer(TORCH, "train", folder, batch, 1),
    );
  printHeading(`training step of ${model}`);
  const { results, absent } = await compare(peers, flags).finally(remove);
  const reference = results.find(({ name }) => name.startsWith("vitrine"));
  const { agreed, refused } = sameComputation(reference, results);
  const missing = [...absent, ...refused];
  const flops = 2 * PRODUCTS * batch * forwardMultiplyAdds(config);
  printTable(agreed, missing, { batch, flops, reference });
  printBackends(agreed);
  const compared = ratiosOf(PAIRS, agreed, missing);
  console.log("ratios, ours over theirs in images/s:");
  printRatios(compared);
  const rows = agreed.map((result) => rowOf(result, reference));
  const { ratios, ratiosOfBest } = compared;
  const report = { rows, absent: missing, missing: compared.missing, ratiosOfBest, ratios };
  if (flags.json) console.log(JSON.stringify({ node: process.version, model, batch, ...report }));
}
