// vitrine dataset pack: writes a data set as tar shards with index and checksums.

import type { Command } from "commander";
import { counted } from "../../runtime/batches/class-counts.js";
import { quote } from "../../runtime/errors.js";
import { openDataset } from "../../server/data/open-dataset.js";
import type { BadSamples } from "../../server/data/reading-policy.js";
import { packShards } from "../../server/data/shards/pack-shards.js";
import type { LabelSource } from "../../server/data/shards/shard-samples.js";
import { action, printJson, withExamples } from "../command-line.js";
import { listingReport } from "../listing-report.js";
import { badSamplesOption, byteCount, dataOption, labelFromOption } from "../options.js";
import { checkEmptyFolderOut, sizeText } from "../write-output.js";

interface PackCommand {
  data: string;
  out: string;
  shardSize: number;
  hash?: boolean;
  labelFrom?: LabelSource;
  badSamples: BadSamples;
  json?: boolean;
}

const DEFAULT_SHARD_BYTES = 256 * 2 ** 20;

async function pack({ data, out, shardSize, hash = false, labelFrom, badSamples, json }: PackCommand) {
  checkEmptyFolderOut(out);
  const listed = await openDataset(data, { badSamples, labelFrom, onFiles: listingReport(data) });
  if (listed.leftOut !== "") process.stderr.write(`${quote(data)}: ${listed.leftOut}\n`);
  const onPacked = listingReport(data, { what: "packing" });
  const mayLeaveOut = badSamples !== "fail";
  const packed = await packShards(listed, out, { shardBytes: shardSize, hash, mayLeaveOut, onPacked });
  if (packed.leftOut !== "") process.stderr.write(`${quote(data)}: ${packed.leftOut}\n`);
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
    .description("write a data set as tar shards, with an index and checksums; WebDataset reads them too")
    .addOption(dataOption())
    .requiredOption("--out <folder>", "folder for the shards, free or empty")
    .option(
      "--shard-size <size>",
      "largest size of a shard, such as 256MiB; a larger picture has one of its own",
      byteCount("--shard-size"),
      DEFAULT_SHARD_BYTES,
    )
    .option("--hash", "keep a SHA-256 of every picture, which fingerprint and every read cover")
    .addOption(labelFromOption())
    .addOption(badSamplesOption())
    .option("--json", "print one line of JSON");
  command.action(action(pack));
  withExamples(command, [
    ["for a network drive or an object store", "vitrine dataset pack --data photos/train --out shards/train"],
    ["larger shards", "vitrine dataset pack --data train.csv --out shards --shard-size 1GiB"],
  ]);
}
