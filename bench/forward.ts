// Bench of the forward pass: Vitrine and its peers on the same weights and the same pixels, taking turns.
//
// `npm run bench -- forward [--model NAME] [--threads 1,2] [--batch 1,8] [--rounds 5] [--round-ms 500] [--json]`. Vitrine
// takes bytes and normalizes them, the peers take floats that are normalized already. A peer whose logits are not ours is
// taken out; one that is not installed leaves its ratio null, with the reason under `missing`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deitToOnnx } from "./forward/onnx-graph.js";
import { benchPixels, benchWeights, forwardMultiplyAdds } from "./model-weights.js";
import {
  type Absent,
  type ContestantOptions,
  contest,
  nodeContestant,
  type Result,
  torchContestant,
} from "./peers/comparison.js";
import { writeMaterial } from "./peers/inputs.js";
import { type PeerOptions, peerOptions } from "./peers/options.js";
import {
  difference,
  printHeading,
  printRatios,
  printRow,
  type Ratios,
  ratiosOf,
  sameComputation,
  TOLERANCE,
} from "./peers/report.js";

const VITRINE = (threads: number) => `vitrine ${threads}`;
const WEB = (threads: number) => `onnxruntime-web ${threads}`;
const NODE = (threads: number) => `onnxruntime-node ${threads}`;
const TFJS = "tfjs-wasm 1";
const TORCH = "pytorch 1";
const INT8 = "vitrine int8 1";

/** Largest difference of int8's logits from float32's, over the larger of 1 and the largest logit: weights have 127 steps. */
const INT8_TOLERANCE = 0.05;

const PAIRS = {
  vsOnnxruntimeWeb1: [VITRINE(1), WEB(1)],
  vsOnnxruntimeWeb2: [VITRINE(2), WEB(2)],
  vsOnnxruntimeNode1: [VITRINE(1), NODE(1)],
  vsOnnxruntimeNode2: [VITRINE(2), NODE(2)],
  vsTfjsWasm1: [VITRINE(1), TFJS],
  vsPytorch1: [VITRINE(1), TORCH],
  int8VsF32: [INT8, VITRINE(1)],
  threads2Vs1: [VITRINE(2), VITRINE(1)],
} as const;

function contestants(folder: string, batch: number, threads: readonly number[]): ContestantOptions[] {
  const perThreads = threads.flatMap((count) => [
    nodeContestant(VITRINE(count), "forward/vitrine.js", folder, batch, count),
    nodeContestant(WEB(count), "forward/onnxruntime.js", folder, batch, count, "web"),
    nodeContestant(NODE(count), "forward/onnxruntime.js", folder, batch, count, "node"),
  ]);
  const single = [
    nodeContestant(INT8, "forward/vitrine.js", folder, batch, 1, "int8"),
    nodeContestant(TFJS, "forward/tfjs.js", folder, batch),
    torchContestant(TORCH, "forward", folder, batch, 1),
  ];
  return threads.includes(1) ? [...perThreads, ...single] : perThreads;
}

interface BatchReport extends Ratios {
  batch: number;
  rows: { name: string; medianMs: number; bestMs: number; calls: number; fromOurs: number }[];
  absent: Absent[];
}

async function runBatch(options: PeerOptions, folder: string, batch: number): Promise<BatchReport> {
  const { config, threads } = options;
  const { results, absent } = await contest(contestants(folder, batch, threads), options);
  const reference = results.find(({ name }) => name.startsWith("vitrine"));
  const { agreed, refused } = sameComputation(reference, results, ({ name }) =>
    name === INT8 ? INT8_TOLERANCE : TOLERANCE,
  );
  const flops = 2 * batch * forwardMultiplyAdds(config);
  const fromOurs = ({ check }: Result) => difference(reference?.check ?? [], check);
  for (const result of agreed) printRow(result, batch, flops, fromOurs(result));
  const out = [...absent, ...refused];
  for (const { name, reason } of out)
    console.log(`${name.padEnd(24)} ${String(batch).padStart(5)}  ${reason}`);
  const rows = agreed.map((result) => {
    const { name, medianMs, bestMs, calls } = result;
    return { name, medianMs, bestMs, calls, fromOurs: fromOurs(result) };
  });
  return { batch, rows, absent: out, ...ratiosOf(PAIRS, agreed, out) };
}

export async function main(words: readonly string[]): Promise<void> {
  const options = peerOptions(words, "1,8");
  const { model, config, batches } = options;
  const weights = benchWeights(config);
  const pixels = benchPixels(config, Math.max(...batches));
  const material = writeMaterial({ config, weights }, pixels);
  const reports: BatchReport[] = [];
  try {
    printHeading(`forward pass of ${model}`);
    for (const batch of batches) {
      writeFileSync(join(material.folder, `deit-${batch}.onnx`), deitToOnnx(config, weights, batch));
      reports.push(await runBatch(options, material.folder, batch));
    }
  } finally {
    material.remove();
  }
  const first = (reports.find(({ batch }) => batch === 1) ?? reports[0]) as BatchReport;
  console.log(`ratios at batch ${first.batch}, ours over theirs in images/s:`);
  printRatios(first);
  const { ratios, ratiosOfBest, missing } = first;
  if (options.json)
    console.log(
      JSON.stringify({ node: process.version, model, batches: reports, missing, ratiosOfBest, ratios }),
    );
}
