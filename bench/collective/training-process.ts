// A process of the training half of the collective bench: DeiT-Tiny on random pixels, two pieces a step. As one of two ranks
// of one thread each, or alone with two threads. For each number of steps that the parent sends, it answers with the seconds.
//
// `node training-process.js ranks|alone RANK`: a rank sends its address and waits for the other's.

import { once } from "node:events";
import { joinRun } from "../../client/node/collective/join-run.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { initialWeights, publishedConfig } from "../../runtime/models/families.js";
import type { Training, TrainingInputs } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import { collectiveServer } from "../../server/collective-server.js";
import { RankedTraining } from "../../trainer/ranks/ranked-training.js";

const [kind, rank] = process.argv.slice(2);
const isAlone = kind === "alone";

/** Samples of a piece; a step has two. */
const PIECE = 8;
const OPTIMIZER = { learningRate: 1e-4, weightDecay: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

async function group() {
  const options = {
    world: 2,
    pieces: 2,
    waitSeconds: 60,
    facts: {},
    say: () => {},
    serve: collectiveServer({}, () => {}),
  };
  const join = (master: string) => joinRun({ ...options, master, rank: Number(rank) });
  const first = rank === "0" ? await join("127.0.0.1:0") : null;
  process.send?.({ address: first?.address ?? "" });
  const [{ address }] = (await once(process, "message")) as [{ address: string }];
  const member = first ?? (await join(address));
  return (await member.form({ step: -1 })).group;
}

const config = { ...(publishedConfig("deit_tiny_patch16_224") as DeitConfig), classes: 100 };
const runtime = await createRuntime({
  host: nodeHost(),
  device: "wasm",
  threads: isAlone ? 2 : 1,
  trains: true,
  background: true,
});
const weights = initialWeights(config, 0, runtime.image.math);
const common = { config, weights, distillation: "none", alpha: 0.5, tau: 1, dropPath: 0, ema: true } as const;
const pieces = isAlone ? { batchSize: 2 * PIECE, pieces: 2 } : { batchSize: PIECE };
const own = await createTraining(runtime.executor, { ...common, ...pieces });
const ranked = isAlone ? null : new RankedTraining(own, await group(), { pieces: 1, isDistilled: false });
const training: Training = ranked ?? own;

const count = isAlone ? 2 * PIECE : PIECE;
const side = config.imageSize;
const inputs: TrainingInputs = {
  pixels: Uint8Array.from({ length: count * side * side * 3 }, (_, at) => (at * 7919) % 256),
  targets: new Float32Array(count * config.classes).fill(1 / config.classes),
  sampleWeights: new Float32Array(count).fill(1 / (2 * PIECE)),
};
let step = 0;
process.on("message", async ({ steps }: { steps: number }) => {
  const start = performance.now();
  for (let at = 0; at < steps; at++) {
    await training.accumulate(inputs);
    await training.apply({ ...OPTIMIZER, step: ++step, clipNorm: 0, emaDecay: 0.999 });
  }
  const seconds = (performance.now() - start) / 1000;
  process.send?.({ seconds, images: 2 * PIECE * steps, trace: ranked?.lastStep });
});
process.on("disconnect", () => process.exit());
process.send?.({ ready: true });
