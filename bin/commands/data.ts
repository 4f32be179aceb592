// vitrine data digest: a SHA-256 of each batch, to check that two machines, versions, servers or worker counts agree, or
// what a run really gets.

import { type Command, Option } from "commander";
import { connectData } from "../../client/node/index.js";
import type { BatchSource } from "../../runtime/batches/batch-source.js";
import { counted } from "../../runtime/batches/class-counts.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { batchDigest } from "../../server/data/batch-digest.js";
import { AUGMENTATION_OPTIONS, recipeFrom } from "../../trainer/core/augmentation-options.js";
import { action, printJson, withExamples } from "../command-line.js";
import { type AskedBatches, localData } from "../local-data.js";
import {
  badSamplesOption,
  dataOption,
  maxPixelsOption,
  requireOneSource,
  wholeNumber,
  workersOption,
} from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import { readRunState } from "../report/read-run.js";
import { addConnectionSecurity, type ConnectionFlags, connectionSecurity } from "../security-options.js";
import { addTrainerOptions, attributeNames, givenOptions } from "../trainer-flags.js";

interface DigestCommand extends ConnectionFlags, RemoteFlags {
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

/** What the flags ask for, or with --run what that run gets. */
async function askedBatches(options: DigestCommand, command: Command): Promise<AskedBatches> {
  const { run, size, batchSize, seed, rank, world, badSamples } = options;
  const part = { rank, world, badSamples };
  if (run === undefined) {
    const recipe = recipeFrom({ ...DEIT_RECIPE, size }, givenOptions(command, AUGMENTATION_OPTIONS));
    return { recipe, batchSize, seed, ...part };
  }
  const { settings, data } = await readRunState(run);
  const { recipe, batchSize: count, seed: own } = settings;
  return { recipe, batchSize: count, seed: own, fingerprint: data.fingerprint, ...part };
}

function openSource(options: DigestCommand, asked: AskedBatches): Promise<BatchSource> {
  const { data, dataServer, workers, maxPixels: pixelLimit } = options;
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  if (data !== undefined)
    return localData({ path: data, workers, pixelLimit, remote: remoteSettings(options), say })(asked);
  return connectData({
    ...asked,
    ...connectionSecurity(options),
    address: dataServer as string,
    onNotice: say,
  });
}

async function digest(options: DigestCommand, command: Command): Promise<void> {
  const { epoch } = options;
  requireOneSource(options, "data digest");
  const asked = await askedBatches(options, command);
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
      ).conflicts(["seed", "batchSize", "size", ...attributeNames(AUGMENTATION_OPTIONS)]),
    )
    .addOption(workersOption())
    .addOption(badSamplesOption())
    .addOption(maxPixelsOption());
  addRemoteOptions(command)
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
  addTrainerOptions(command, AUGMENTATION_OPTIONS);
  addConnectionSecurity(command);
  command.action(action((options: DigestCommand, self: Command) => digest(options, self)));
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
