// Bench of a training step: forward, loss, gradients and AdamW of Vitrine and its peers, taking turns.
//
// `npm run bench -- train [--model NAME] [--batch 8] [--threads 1,2] [--rounds 5] [--round-ms 500] [--json]`. Same weights,
// same pixels; a peer whose losses of the first three steps are not ours is taken out.

import { benchPixels, benchWeights, forwardMultiplyAdds } from "./model-weights.js";
import { contest, nodeContestant, type Result, torchContestant } from "./peers/comparison.js";
import { writeMaterial } from "./peers/inputs.js";
import { peerOptions } from "./peers/options.js";
import {
  difference,
  printHeading,
  printRatios,
  printRow,
  ratiosOf,
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

/** Of a linear layer: its product, and two back. */
const PRODUCTS = 3;

export async function main(words: readonly string[]): Promise<void> {
  const options = peerOptions(words, "8");
  const { model, config, threads } = options;
  const batch = options.batches[0] as number;
  const { folder, remove } = writeMaterial(
    { config, weights: benchWeights(config), settings: STEP },
    benchPixels(config, batch),
  );
  const contestants = threads.map((count) =>
    nodeContestant(VITRINE(count), "train/vitrine.js", folder, batch, count),
  );
  if (threads.includes(1)) {
    contestants.push(nodeContestant(TFJS, "train/tfjs.js", folder, batch, "direct"));
    contestants.push(nodeContestant(TFJS_TUNED, "train/tfjs.js", folder, batch, "tuned"));
    contestants.push(torchContestant(TORCH, "train", folder, batch, 1));
  }
  printHeading(`training step of ${model}`);
  const { results, absent } = await contest(contestants, options).finally(remove);
  const reference = results.find(({ name }) => name.startsWith("vitrine"));
  const { agreed, refused } = sameComputation(reference, results);
  const flops = 2 * PRODUCTS * batch * forwardMultiplyAdds(config);
  const fromOurs = ({ check }: Result) => difference(reference?.check ?? [], check);
  for (const result of agreed) printRow(result, batch, flops, fromOurs(result));
  const out = [...absent, ...refused];
  for (const { name, reason } of out)
    console.log(`${name.padEnd(24)} ${String(batch).padStart(5)}  ${reason}`);
  const compared = ratiosOf(PAIRS, agreed, out);
  console.log("ratios, ours over theirs in images/s:");
  printRatios(compared);
  const { ratios, ratiosOfBest, missing } = compared;
  const rows = agreed.map((result) => {
    const { name, medianMs, bestMs, calls } = result;
    return { name, medianMs, bestMs, calls, fromOurs: fromOurs(result) };
  });
  if (options.json)
    console.log(
      JSON.stringify({
        node: process.version,
        model,
        batch,
        rows,
        absent: out,
        missing,
        ratiosOfBest,
        ratios,
      }),
    );
}
