// vitrine dataset index: lists a data set once and writes what it found to a file that opens in a fraction of a second.

import { basename, join, resolve } from "node:path";
import type { Command } from "commander";
import { counted } from "../../runtime/batches/class-counts.js";
import { displayPath, isRemote, withoutSecrets } from "../../runtime/batches/data-path.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { entryAt } from "../../runtime/host/node-files.js";
import type { Dataset } from "../../server/data/dataset.js";
import { hashSamples } from "../../server/data/hash-samples.js";
import { indexParts } from "../../server/data/index-file.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { SHARD_INDEX } from "../../server/data/shards/local-shards.js";
import type { LabelSource } from "../../server/data/shards/shard-samples.js";
import { action, printJson, withExamples } from "../command-line.js";
import { listingReport } from "../listing-report.js";
import { badSamplesOption, dataOption, labelFromOption } from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import { checkFileOut, sizeText, writeFileOut } from "../write-output.js";

interface IndexCommand extends RemoteFlags {
  data: string;
  out?: string;
  labelFrom: LabelSource;
  hash?: boolean;
  badSamples: BadSamples;
  force?: boolean;
  json?: boolean;
}

/**
 * "photos/train/" → "photos/train.index"; of a folder of shards a file in it, which is found there; "s3://bucket/train/"
 * → "train.index".
 */
function defaultOut(data: string, { table }: Dataset): string {
  const isFolder = !isRemote(data) && entryAt(data)?.isDirectory();
  return isFolder && table.shards.length > 0 ? join(data, SHARD_INDEX) : defaultPath(data);
}

function defaultPath(data: string): string {
  if (isRemote(data)) return `${basename(withoutSecrets(data))}.index`;
  // Of "." the folder's own name.
  const path = /^\.{1,2}$/.test(basename(data)) ? resolve(data) : data.replace(/[/\\]+$/, "");
  return `${path}.index`;
}

/** The default where it does not depend on what a folder has. */
function outBeforeListing(data: string): string | undefined {
  return isRemote(data) || !entryAt(data)?.isDirectory() ? defaultPath(data) : undefined;
}

/** A URL without the user's name and password. */
const withoutUser = (data: string): string =>
  isRemote(data) ? data.replace(/^(\w+:\/\/)[^/?#]*@/, "$1") : data;

async function index(options: IndexCommand): Promise<void> {
  const { data, out: given, labelFrom, hash, badSamples, force = false, json } = options;
  // Listing takes minutes: what is in the way is said before.
  const early = given ?? outBeforeListing(data);
  if (early !== undefined) checkFileOut(early, force, "index");
  if (withoutUser(data) !== data)
    throw new VitrineError(
      "usage/data-url",
      `${displayPath(data)}: an index would have the user's name and password in it: index a copy of the data set, or a ` +
        "URL without them",
    );
  const remote = remoteSettings(options);
  const listed = await openDataset(data, { badSamples, labelFrom, remote, onFiles: listingReport(data) });
  const out = early ?? defaultOut(data, listed);
  if (early === undefined) checkFileOut(out, force, "index");
  const hashing = { mayLeaveOut: badSamples !== "fail", onHashed: listingReport(data, { what: "reading" }) };
  const dataset = hash ? await hashSamples(listed, hashing) : listed;
  if (dataset.leftOut !== "") process.stderr.write(`${displayPath(data)}: ${dataset.leftOut}\n`);
  const bytes = Buffer.concat(indexParts(dataset, out));
  await writeFileOut(out, bytes);
  const { samples, fingerprint, classes } = dataset;
  if (json) return printJson({ out, samples, classes: classes.length, bytes: bytes.length, fingerprint });
  process.stdout.write(
    `${quote(out)}: ${counted(samples, "image", "images")} in ${counted(classes.length, "class", "classes")}, ` +
      `${sizeText(bytes.length)}\nfingerprint ${fingerprint.slice(0, 12)}${hash ? ", with content" : ""}\n`,
  );
}

export function configureIndex(dataset: Command): void {
  const command = dataset
    .command("index")
    .description("list a data set once, into a file that --data takes in its place and that opens at once")
    .addOption(dataOption())
    .option(
      "--out <file>",
      `index to write (default: the data set's path and .index; for a folder of shards ${SHARD_INDEX} in it)`,
    )
    .addOption(labelFromOption().default("auto"))
    .option("--hash", "read every file, so that fingerprint and every later read cover its content")
    .addOption(badSamplesOption())
    .option("--force", "replace an index")
    .option("--json", "print one line of JSON");
  addRemoteOptions(command).action(action(index));
  withExamples(command, [
    ["photos/train.index, which --data takes", "vitrine dataset index --data photos/train"],
    ["of a bucket, kept here", "vitrine dataset index --data s3://bucket/photos --out photos.index"],
    ["for copies on several machines", "vitrine dataset index --data train.csv --hash --out train.index"],
  ]);
}
