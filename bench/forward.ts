// Bench of the forward pass: Vitrine and its peers take turns on the same weights and the same pixels.
//
// `npm run bench -- forward [--model NAME] [--threads 1,2] [--batch 1,8] [--rounds 5] [--round-ms 500] [--json]`. Vitrine
// takes bytes and normalizes them; the other peers take floats that are already normalized. A peer whose logits differ
// from ours is refused; one that is not installed leaves its ratio null, with the reason under `missing`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { modelToOnnx } from "../runtime/onnx/model.js";
import { benchPixels, benchWeights, forwardMultiplyAdds } from "./model-weights.js";
import { type Absent, compare, nodePeer, type PeerCommand, torchPeer } from "./peers/comparison.js";
import { writeInputs } from "./peers/inputs.js";
import { type ComparisonFlags, comparisonFlags } from "./peers/options.js";
import {
  printBackends,
  printHeading,
  printRatios,
  printTable,
  type Ratios,
  type ResultRow,
  ratiosOf,
  rowOf,
  sameComputation,
  TOLERANCE,
} from "./peers/report.js";

const VITRINE = (threads: number) => `vitrine ${threads}`;
const WEB = (threads: number) => `onnxruntime-web ${threads}`;
const NODE = (threads: number) => `onnxruntime-node ${threads}`;
const TFJS = "tfjs-wasm 1";
const TORCH = "pytorch 1";
const INT8 = "vitrine int8 1";

/** int8's logits may differ from float32's by this, over the larger of 1 and the largest logit: weights have 127 steps. */
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

function peers(folder: string, batch: number, threads: readonly number[]): PeerCommand[] {
  const perThreads = threads.flatMap((count) => [
    nodePeer(VITRINE(count), "forward/vitrine.js", folder, batch, count),
    nodePeer(WEB(count), "forward/onnxruntime.js", folder, batch, count, "web"),
    nodePeer(NODE(count), "forward/onnxruntime.js", folder, batch, count, "node"),
  ]);
  const single = [
    nodePeer(INT8, "forward/vitrine.js", folder, batch, 1, "int8"),
    nodePeer(TFJS, "forward/tfjs.js", folder, batch),
    torchPeer(TORCH, "forward", folder, batch, 1),
  ];
  return threads.includes(1) ? [...perThreads, ...single] : perThreads;
}

interface BatchReport extends Ratios {
  batch: number;
  rows: ResultRow[];
  absent: Absent[];
}

async function runBatch(flags: ComparisonFlags, folder: string, batch: number): Promise<BatchReport> {
  const { config, threads } = flags;
  const { results, absent } = await compare(peers(folder, batch, threads), flags);
  const reference = results.find(({ name }) => name.startsWith("vitrine"));
  const { agreed, refused } = sameComputation(reference, results, ({ name }) =>
    name === INT8 ? INT8_TOLERANCE : TOLERANCE,
  );
  const missing = [...absent, ...refused];
  printTable(agreed, missing, { batch, flops: 2 * batch * forwardMultiplyAdds(config), reference });
  printBackends(agreed);
  const rows = agreed.map((result) => rowOf(result, reference));
  return { batch, rows, absent: missing, ...ratiosOf(PAIRS, agreed, missing) };
}

export async function main(words: readonly string[]): Promise<void> {
  const flags = comparisonFlags(words, "1,8");
  const { model, config, batches } = flags;
  const weights = benchWeights(config);
  const pixels = benchPixels(config, Math.max(...batches));
  const inputs = writeInputs({ config, weights }, pixels);
  const reports: BatchReport[] = [];
  try {
    printHeading(`forward pass of ${model}`);
    for (const batch of batches) {
      writeFileSync(
        join(inputs.folder, `deit-${batch}.onnx`),
        modelToOnnx({ config, labels: [], weights }, "float32", batch),
      );
      reports.push(await runBatch(flags, inputs.folder, batch));
    }
  } finally {
    inputs.remove();
  }
  const first = reports.find(({ batch }) => batch === 1) ?? reports[0];
  console.log(`ratios at batch ${first.batch}, ours over theirs in images/s:`);
  printRatios(first);
  const { ratios, ratiosOfBest, missing } = first;
  const report = { node: process.version, model, batches: reports, missing, ratiosOfBest, ratios };
  if (flags.json) console.log(JSON.stringify(report));
}
