// Bench of fine-tuning: `vitrine train --init` and PyTorch with the same starting weights and schedule, over several
// seeds. It compares accuracy, not time: crops, order and new head of the two are drawn by different generators.
//
// `npm run bench -- finetune --data DIR --init MODEL [--seeds 3] [--epochs 5] [--batch-size 16] [--out DIR] [--json]`.
// DIR has train/ and val/ with a folder per class; MODEL is a DeiT without distillation token.

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeModelSource } from "../runtime/host/node.js";
import { readModel } from "../runtime/model-files/stored-model.js";
import { type Dataset, sampleLocation } from "../server/data/dataset.js";
import { openDataset } from "../server/data/open-dataset.js";
import { RECIPES } from "../trainer/core/recipes.js";
import { createSchedule, rateOfEpoch } from "../trainer/core/schedule.js";
import { debianPython, openblasEnvironment } from "./peers/comparison.js";
import { writeInputs } from "./peers/inputs.js";
import { STEP } from "./peers/training-step.js";
import { describeMean, type Mean, meanOf } from "./reproduce/statistics.js";
import { runToEnd, runVitrine, startDataServer } from "./vitrine-processes.js";

interface Options {
  data: string;
  init: string;
  seeds: number;
  epochs: number;
  batchSize: number;
  out: string;
  json: boolean;
}

interface Scores {
  /** Percent of the validation images. */
  top1: number;
  loss: number;
}

function options(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      data: { type: "string" },
      init: { type: "string" },
      seeds: { type: "string", default: "3" },
      epochs: { type: "string", default: "5" },
      "batch-size": { type: "string", default: "16" },
      out: { type: "string", default: join("runs", "bench-finetune") },
      json: { type: "boolean", default: false },
    },
  });
  const { data, init, out, json } = values;
  if (data === undefined || init === undefined)
    throw new Error("bench: finetune needs --data DIR, with train/ and val/, and --init MODEL");
  const count = (flag: "seeds" | "epochs" | "batch-size"): number => {
    const number = Number(values[flag]);
    if (Number.isSafeInteger(number) && number >= 1) return number;
    throw new Error(`bench: --${flag} is "${values[flag]}"; allowed: a whole number of at least 1`);
  };
  return {
    data,
    init,
    out,
    json,
    seeds: count("seeds"),
    epochs: count("epochs"),
    batchSize: count("batch-size"),
  };
}

/** [file, class index] of every picture. */
function filesOf(dataset: Dataset): [file: string, label: number][] {
  return [...dataset.labels].map((label, index) => [resolve(sampleLocation(dataset, index).file), label]);
}

/** What the PyTorch peer needs, in a folder: weights without heads, files, and the settings of the recipe finetune. */
async function writePeerInputs({ data, init, epochs, batchSize }: Options) {
  const [train, val] = await Promise.all(["train", "val"].map((part) => openDataset(join(data, part))));
  if (train.classes.join("/") !== val.classes.join("/"))
    throw new Error(`bench: train/ and val/ of ${data} do not have the same classes`);
  const { config, weights } = await readModel(nodeModelSource(init), { headless: true });
  if (!("heads" in config) || config.distilled || config.layerScale)
    throw new Error(`bench: ${init} is no plain DeiT, which is what deit_torch.py computes`);
  const backbone = new Map([...weights].filter(([name]) => !name.startsWith("head.")));
  const { folder, remove } = writeInputs(
    { config, weights: backbone, settings: STEP },
    new Uint8Array(config.imageSize ** 2 * 3),
  );
  const settings = { ...RECIPES.finetune.settings, epochs, batchSize };
  const { recipe } = settings;
  const batches = Math.floor(train.samples / batchSize);
  const curve = createSchedule(settings, batches);
  const description = {
    ...{ train: filesOf(train), val: filesOf(val), classes: train.classes.length },
    ...{ size: config.imageSize, resized: Math.floor(config.imageSize / config.cropRatio) },
    ...{ mean: config.mean, std: config.std, noDecay: STEP.noDecay },
    ...{ scale: recipe.scale, ratio: recipe.ratio, flip: recipe.flip },
    ...{ batchSize, weightDecay: settings.weightDecay, betas: settings.optBetas, epsilon: settings.optEps },
    rates: Array.from({ length: epochs }, (_, epoch) => rateOfEpoch(curve, epoch)),
  };
  writeFileSync(join(folder, "finetune.json"), JSON.stringify(description));
  return { folder, remove, images: train.samples, validated: val.samples };
}

/** The README's commands: a data server, a training and the validation of its last weights. */
async function trainVitrine(
  { data, init, epochs, batchSize }: Options,
  seed: number,
  run: string,
): Promise<Scores> {
  const server = await startDataServer(join(data, "train"));
  try {
    const where = ["--data-server", server.address, "--out", run, "--device", "wasm"];
    const length = ["--epochs", String(epochs), "--batch-size", String(batchSize), "--seed", String(seed)];
    await runVitrine(["train", ...where, "--init", init, ...length, "--no-report", "--json"], `${run}.log`);
  } finally {
    server.stop();
  }
  const last = ["--model", join(run, "last"), "--device", "wasm", "--json"];
  const line = await runVitrine(["validate", "--data", join(data, "val"), ...last], `${run}.validation.log`);
  const { top1, loss } = JSON.parse(line) as Scores;
  return { top1, loss };
}

/** Compiled to dist/bench/; the sources are in bench/. */
const SCRIPT = fileURLToPath(new URL("../../bench/finetune/finetune_torch.py", import.meta.url));

async function trainTorch(folder: string, seed: number, log: string): Promise<Scores> {
  const line = await runToEnd(debianPython(), [SCRIPT, folder, String(seed)], log, openblasEnvironment());
  return JSON.parse(line) as Scores;
}

export async function main(words: readonly string[]): Promise<void> {
  const flags = options(words);
  const { folder, remove, images, validated } = await writePeerInputs(flags);
  console.log(
    `fine-tuning ${flags.init}: ${images} images, ${flags.epochs} epochs of batches of ${flags.batchSize}, ` +
      `${flags.seeds} seeds, ${validated} validation images`,
  );
  mkdirSync(flags.out, { recursive: true });
  const vitrine: Scores[] = [];
  const torch: Scores[] = [];
  const tell = (name: string, seed: number, { top1, loss }: Scores) =>
    console.log(`seed ${seed}  ${name.padEnd(8)} top-1 ${top1.toFixed(2)}%  loss ${loss.toFixed(4)}`);
  try {
    copyFileSync(join(folder, "finetune.json"), join(flags.out, "finetune.json"));
    for (let seed = 0; seed < flags.seeds; seed++) {
      const run = join(flags.out, `vitrine-${seed}`);
      vitrine.push(await trainVitrine(flags, seed, run));
      tell("vitrine", seed, vitrine[seed]);
      torch.push(await trainTorch(folder, seed, join(flags.out, `pytorch-${seed}.log`)));
      tell("pytorch", seed, torch[seed]);
    }
  } finally {
    remove();
  }
  const of = (scores: readonly Scores[], name: keyof Scores) => scores.map((entry) => entry[name]);
  const [ours, theirs] = [meanOf(of(vitrine, "top1")), meanOf(of(torch, "top1"))];
  // Not paired: a seed means other draws in the two programs.
  const difference: Mean = { mean: ours.mean - theirs.mean, error: Math.hypot(ours.error, theirs.error) };
  const withinNoise = Number.isNaN(difference.error)
    ? null
    : Math.abs(difference.mean) <= 2 * difference.error;
  for (const [name, scores] of [
    ["vitrine", vitrine],
    ["pytorch", torch],
  ] as const)
    console.log(
      `${name.padEnd(8)} top-1 ${describeMean(meanOf(of(scores, "top1")))}%  loss ${meanOf(of(scores, "loss")).mean.toFixed(4)}`,
    );
  const verdict = { true: "within two standard errors", false: "beyond two standard errors" };
  console.log(
    `difference ${describeMean(difference)} points: ` +
      (withinNoise === null ? "one seed does not tell" : verdict[`${withinNoise}`]),
  );
  if (flags.json)
    console.log(JSON.stringify({ node: process.version, vitrine, torch, difference, withinNoise }));
}
