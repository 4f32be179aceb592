// vitrine data digest: a SHA-256 of each batch, to check that two machines, versions or worker counts agree.

import type { Command } from "commander";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import type { BadSamples } from "../../server/data/batch-maker.js";
import { batchDigest } from "../../server/data/batch-maker.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { action, printJson, withExamples } from "../command-line.js";
import {
  addRecipeOptions,
  badSamplesOption,
  dataOption,
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
  json?: boolean;
}

async function digest(options: DigestCommand): Promise<void> {
  const { seed, epoch, batchSize, workers, size, badSamples } = options;
  const dataset = openDataset(options.data);
  const recipe = recipeFrom({ ...DEIT_RECIPE, size }, options);
  const source = await openPipeline({ dataset, recipe, batchSize, seed, workers, badSamples });
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
  printJson({ fingerprint, seed, epoch, batchSize, size, images: dataset.names.length, digests });
}

export function configureData(data: Command): void {
  const command = data
    .command("digest")
    .description("print the SHA-256 of each batch of an epoch")
    .optionsGroup("Data:")
    .addOption(dataOption())
    .addOption(workersOption())
    .addOption(badSamplesOption())
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
