// vitrine data digest: a SHA-256 of each batch, to check that two machines, versions, servers or worker counts agree, or
// what a run really gets.

import { type Command, Option } from "commander";
import { connectData } from "../../client/node/index.js";
import type { BatchSource } from "../../runtime/batches/batch-source.js";
import { counted, describeOtherFiles } from "../../runtime/batches/class-counts.js";
import type { Rank } from "../../runtime/draw/ranks.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { batchDigest } from "../../server/data/batch-maker.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import type { BadSamples } from "../../server/data/reading-policy.js";
import { action, printJson, withExamples } from "../command-line.js";
import {
  addRecipeOptions,
  badSamplesOption,
  dataOption,
  maxPixelsOption,
  type RecipeFlags,
  recipeFrom,
  wholeNumber,
  workersOption,
} from "../options.js";
import { readRunState } from "../report/read-run.js";

interface DigestCommand extends RecipeFlags {
  data?: string;
  dataServer?: string;
  run?: string;
  seed: number;
  epoch: number;
  batchSize: number;
  workers: number;
  size: number;
  batches?: number;
  rank: number;
  world: number;
  badSamples: BadSamples;
  maxPixels: number;
  json?: boolean;
}

/** Which batches, and the fingerprint that their data set must have. */
interface Asked extends Rank {
  recipe: AugmentationRecipe;
  batchSize: number;
  seed: number;
  fingerprint?: string;
}

/** What the flags ask for, or with --run what that run gets. */
async function askedBatches(options: DigestCommand): Promise<Asked> {
  const { run, size, batchSize, seed, rank, world } = options;
  if (run === undefined)
    return { recipe: recipeFrom({ ...DEIT_RECIPE, size }, options), batchSize, seed, rank, world };
  const { settings, data } = await readRunState(run);
  return {
    recipe: settings.recipe,
    batchSize: settings.batchSize,
    seed: settings.seed,
    fingerprint: data.fingerprint,
    rank,
    world,
  };
}

/** Says once of each file what was done with it. */
function noticeOnce(what: string): (error: VitrineError) => void {
  const files = new Set<unknown>();
  return ({ message, details }) => {
    if (!files.has(details.file)) process.stderr.write(`${what}: ${message}\n`);
    files.add(details.file);
  };
}

async function openSource(options: DigestCommand, asked: Asked): Promise<BatchSource> {
  const { data, dataServer, workers, badSamples, maxPixels: pixelLimit } = options;
  if ((data === undefined) === (dataServer === undefined))
    throw new VitrineError(
      "usage/command-line",
      "give one of --data and --data-server: where the batches are from",
    );
  if (data === undefined)
    return connectData({
      ...asked,
      address: dataServer as string,
      onNotice: (text) => process.stderr.write(`${text}\n`),
    });
  const dataset = openDataset(data);
  const { fingerprint } = dataset;
  if (asked.fingerprint !== undefined && asked.fingerprint !== fingerprint)
    throw new VitrineError(
      "data/fingerprint-changed",
      `${quote(data)} has fingerprint ${fingerprint.slice(0, 12)}…, the run ${asked.fingerprint.slice(0, 12)}…: ` +
        "give the data set that the run was trained on",
      { details: { expected: asked.fingerprint, found: fingerprint } },
    );
  const left = describeOtherFiles(dataset.otherFiles, dataset.otherKinds);
  if (left !== undefined) process.stderr.write(`${quote(data)}: ${left}\n`);
  const reading = {
    badSamples,
    pixelLimit,
    onSkipped: noticeOnce("skipped"),
    onKept: noticeOnce("kept in part"),
  };
  return openPipeline({ ...asked, dataset, workers, ...reading });
}

async function digest(options: DigestCommand): Promise<void> {
  const { epoch } = options;
  const asked = await askedBatches(options);
  const source = await openSource(options, asked);
  const digests: string[] = [];
  let skipped = 0;
  try {
    const wanted = Math.min(options.batches ?? source.batchesPerEpoch, source.batchesPerEpoch);
    for await (const batch of source.batches({ epoch, batch: 0 })) {
      digests.push(batchDigest(batch));
      skipped += batch.weights.reduce((count, weight) => count + (weight === 0 ? 1 : 0), 0);
      if (!options.json)
        process.stdout.write(`epoch ${epoch} batch ${batch.cursor.batch}  ${digests.at(-1)}\n`);
      if (digests.length >= wanted) break;
    }
  } finally {
    await source.close();
  }
  if (!options.json) {
    if (skipped > 0) process.stderr.write(`${counted(skipped, "sample", "samples")} skipped\n`);
    return;
  }
  const { fingerprint, samples: images } = source.description;
  const { seed, batchSize, recipe, rank, world = 1 } = asked;
  const part = world > 1 ? { rank, world } : {};
  printJson({ fingerprint, seed, epoch, batchSize, ...part, size: recipe.size, images, skipped, digests });
}

export function configureData(data: Command): void {
  const command = data
    .command("digest")
    .description("print the SHA-256 of each batch of an epoch")
    .optionsGroup("Data:")
    .addOption(dataOption().makeOptionMandatory(false))
    .option("--data-server <address>", "the batches of a data server, or of several, instead of --data")
    .addOption(
      new Option(
        "--run <folder>",
        "the batches that this run gets: its recipe, batch size and seed; its data set is checked",
      ).conflicts(["seed", "batchSize", "size", "src", "aa", "colorJitter", "trainInterpolation", "repeats"]),
    )
    .addOption(workersOption())
    .addOption(badSamplesOption())
    .addOption(maxPixelsOption())
    .optionsGroup("Batches:")
    .option("--seed <s>", "seed of order and augmentation", wholeNumber("--seed", { min: 0 }), 0)
    .option("--epoch <e>", "epoch, from 0", wholeNumber("--epoch", { min: 0 }), 0)
    .option("--batch-size <b>", "images per batch", wholeNumber("--batch-size", { min: 1 }), 64)
    .option("--rank <r>", "with --world: which trainer's part, from 0", wholeNumber("--rank", { min: 0 }), 0)
    .option(
      "--world <w>",
      "trainers that share each batch: the samples that one of them gets",
      wholeNumber("--world", { min: 1 }),
      1,
    )
    .option("--size <pixels>", "image size", wholeNumber("--size", { min: 1 }), DEIT_RECIPE.size)
    .option(
      "--batches <n>",
      "stop after this many batches (default: the whole epoch)",
      wholeNumber("--batches", { min: 1 }),
    )
    .option("--json", "print one line of JSON at the end instead of a line per batch");
  addRecipeOptions(command).action(action(digest));
  withExamples(data, [
    ["the first batch, to compare two machines", "vitrine data digest --data photos/train --batches 1"],
    ["see its flags", "vitrine data digest --help"],
  ]);
  withExamples(command, [
    ["the first batch, to compare two machines", "vitrine data digest --data photos/train --batches 1"],
    ["epoch 3 without RandAugment", "vitrine data digest --data photos/train --epoch 3 --aa none"],
    ["what a run gets", "vitrine data digest --run runs/mine --data-server 127.0.0.1:50051"],
  ]);
}
