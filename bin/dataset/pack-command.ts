// vitrine dataset pack: writes a data set as tar shards with index and checksums.

import type { Command } from "commander";
import { counted } from "../../runtime/batches/class-counts.js";
import { displayPath } from "../../runtime/batches/data-path.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { createOrder, permutedIndex } from "../../runtime/draw/order.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import type { Dataset } from "../../server/data/dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openParquet, parquetFiles } from "../../server/data/parquet/parquet-pictures.js";
import { type PackSource, packPictures, packShards } from "../../server/data/shards/pack-shards.js";
import type { LabelSource } from "../../server/data/shards/shard-samples.js";
import { action, printJson, withExamples } from "../command-line.js";
import { listingReport } from "../listing-report.js";
import { badSamplesOption, byteCount, dataOption, labelFromOption, wholeNumber } from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import { checkEmptyFolderOut, sizeText } from "../write-output.js";

interface PackCommand extends RemoteFlags {
  data: string;
  out: string;
  shardSize: number;
  hash?: boolean;
  shuffle?: number;
  labelFrom?: LabelSource;
  badSamples: BadSamples;
  json?: boolean;
}

const DEFAULT_SHARD_BYTES = 256 * 2 ** 20;

/** Samples in an order that is drawn by a seed. */
async function drawnOrder(
  { fingerprint, samples }: Dataset,
  seed: number,
): Promise<(place: number) => number> {
  const { math } = await createImageModule(nodeHost());
  const order = createOrder(math, { fingerprint, samples, seed, repeats: 1 });
  return (place) => permutedIndex(order, 0, place);
}

/** Rows of Parquet files have an order and labels of their own. */
function openRows(
  files: readonly string[],
  { data, shuffle, labelFrom, badSamples }: PackCommand,
): Promise<PackSource> {
  const flag = shuffle !== undefined ? "--shuffle" : labelFrom !== undefined ? "--label-from" : undefined;
  if (flag !== undefined)
    throw new VitrineError(
      "usage/command-line",
      `${flag} is not for Parquet files${flag === "--shuffle" ? ": pack them, then pack the shards with --shuffle" : ""}`,
    );
  const onRows = listingReport(data, { what: "reading labels" });
  return openParquet(data, files, { mayLeaveOut: badSamples !== "fail", onRows });
}

async function open(options: PackCommand): Promise<Dataset> {
  const { data, labelFrom, badSamples } = options;
  const listed = await openDataset(data, {
    badSamples,
    labelFrom,
    remote: remoteSettings(options),
    onFiles: listingReport(data),
  });
  if (listed.leftOut !== "") process.stderr.write(`${displayPath(data)}: ${listed.leftOut}\n`);
  return listed;
}

async function pack(options: PackCommand): Promise<void> {
  const { data, out, shardSize, hash = false, shuffle, badSamples, json } = options;
  checkEmptyFolderOut(out);
  const mayLeaveOut = badSamples !== "fail";
  const onPacked = listingReport(data, { what: "packing" });
  const packOptions = { shardBytes: shardSize, hash, mayLeaveOut, onPacked };
  const files = parquetFiles(data);
  let packed: Dataset;
  if (files) {
    const source = await openRows(files, options);
    packed = await packPictures(source, out, packOptions);
  } else {
    const listed = await open(options);
    const indexAt = shuffle === undefined ? undefined : await drawnOrder(listed, shuffle);
    packed = await packShards(listed, out, { ...packOptions, indexAt });
  }
  if (packed.leftOut !== "") process.stderr.write(`${displayPath(data)}: ${packed.leftOut}\n`);
  const { samples, fingerprint, table } = packed;
  const bytes = table.shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const shards = table.shards.length;
  if (json) return printJson({ out, samples, shards, bytes, fingerprint });
  process.stdout.write(
    `${quote(out)}: ${counted(samples, "image", "images")} in ${counted(shards, "shard", "shards")}, ` +
      `${sizeText(bytes)}\nfingerprint ${fingerprint.slice(0, 12)}${hash ? ", with content" : ""}\n`,
  );
}

export function configurePack(dataset: Command): void {
  const command = dataset
    .command("pack")
    .description(
      "write a data set, or Parquet files, as tar shards with an index and checksums; WebDataset reads them too",
    )
    .addOption(dataOption())
    .requiredOption("--out <folder>", "folder for the shards, free or empty")
    .option(
      "--shard-size <size>",
      "largest size of a shard, such as 256MiB; a larger picture has one of its own",
      byteCount("--shard-size"),
      DEFAULT_SHARD_BYTES,
    )
    .option("--hash", "keep a SHA-256 of every picture, which fingerprint and every read cover")
    .option(
      "--shuffle <seed>",
      "mix the pictures, for --shuffle-window; another data set then (default: their own order)",
      wholeNumber("--shuffle", { min: 0 }),
    )
    .addOption(labelFromOption())
    .addOption(badSamplesOption())
    .option("--json", "print one line of JSON");
  addRemoteOptions(command).action(action(pack));
  withExamples(command, [
    ["for a network drive or an object store", "vitrine dataset pack --data photos/train --out shards/train"],
    [
      "from Parquet files of the Hugging Face Hub",
      'vitrine dataset pack --data "data/train-*.parquet" --out shards/train',
    ],
    ["larger shards", "vitrine dataset pack --data train.csv --out shards --shard-size 1GiB"],
  ]);
}
