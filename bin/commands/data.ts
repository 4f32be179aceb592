// vitrine data digest: a SHA-256 of each batch, to check that two machines, versions or worker counts agree.

import type { Command } from "commander";
import { describeOtherFiles } from "../../runtime/batches/class-counts.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { quote, type VitrineError } from "../../runtime/errors.js";
import type { BadSamples } from "../../server/data/batch-maker.js";
import { batchDigest } from "../../server/data/batch-maker.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
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

interface DigestCommand extends RecipeFlags {
  data: string;
  seed: number;
  epoch: number;
  batchSize: number;
  workers: number;
  size: number;
  batches?: number;
  badSamples: BadSamples;
  maxPixels: number;
  json?: boolean;
}

/** Says once of each file what was done with it; `files` collects them. */
function noticeOnce(what: string, files: Set<unknown> = new Set()): (error: VitrineError) => void {
  return ({ message, details }) => {
    if (!files.has(details.file)) process.stderr.write(`${what}: ${message}\n`);
    files.add(details.file);
  };
}

async function digest(options: DigestCommand): Promise<void> {
  const { seed, epoch, batchSize, workers, size, badSamples, maxPixels: pixelLimit } = options;
  const dataset = openDataset(options.data);
  const recipe = recipeFrom({ ...DEIT_RECIPE, size }, options);
  const left = describeOtherFiles(dataset.otherFiles, dataset.otherKinds);
  if (left !== undefined) process.stderr.write(`${quote(options.data)}: ${left}\n`);
  const skipped = new Set<unknown>();
  const reading = {
    badSamples,
    pixelLimit,
    onSkipped: noticeOnce("skipped", skipped),
    onKept: noticeOnce("kept in part"),
  };
  const source = await openPipeline({ dataset, recipe, batchSize, seed, workers, ...reading });
  const digests: string[] = [];
  try {
    const wanted = Math.min(options.batches ?? source.batchesPerEpoch, source.batchesPerEpoch);
    for await (const batch of source.batches({ epoch, batch: 0 })) {
      digests.push(batchDigest(batch));
      if (!options.json)
        process.stdout.write(`epoch ${epoch} batch ${batch.cursor.batch}  ${digests.at(-1)}\n`);
      if (digests.length >= wanted) break;
    }
  } finally {
    await source.close();
  }
  if (!options.json) return;
  const { fingerprint } = dataset;
  const images = dataset.names.length;
  printJson({ fingerprint, seed, epoch, batchSize, size, images, skipped: skipped.size, digests });
}

export function configureData(data: Command): void {
  const command = data
    .command("digest")
    .description("print the SHA-256 of each batch of an epoch")
    .optionsGroup("Data:")
    .addOption(dataOption())
    .addOption(workersOption())
    .addOption(badSamplesOption())
    .addOption(maxPixelsOption())
    .optionsGroup("Batches:")
    .option("--seed <s>", "seed of order and augmentation", wholeNumber("--seed", { min: 0 }), 0)
    .option("--epoch <e>", "epoch, from 0", wholeNumber("--epoch", { min: 0 }), 0)
    .option("--batch-size <b>", "images per batch", wholeNumber("--batch-size", { min: 1 }), 64)
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
  ]);
}
