// vitrine dataset index: lists a data set once and writes what it found to a file that opens in a fraction of a second.

import type { Command } from "commander";
import { counted } from "../../runtime/batches/class-counts.js";
import { quote } from "../../runtime/errors.js";
import { hashSamples } from "../../server/data/hash-samples.js";
import { indexParts } from "../../server/data/index-file.js";
import { openDataset } from "../../server/data/open-dataset.js";
import type { BadSamples } from "../../server/data/reading-policy.js";
import { action, printJson, withExamples } from "../command-line.js";
import { listingReport } from "../listing-report.js";
import { badSamplesOption, dataOption } from "../options.js";
import { checkFileOut, sizeText, writeFileOut } from "../write-output.js";

interface IndexCommand {
  data: string;
  out?: string;
  hash?: boolean;
  badSamples: BadSamples;
  force?: boolean;
  json?: boolean;
}

/** "photos/train/" → "photos/train.index". */
function defaultOut(data: string): string {
  return `${data.replace(/[/\\]+$/, "")}.index`;
}

async function index({ data, out = defaultOut(data), hash, badSamples, force, json }: IndexCommand) {
  checkFileOut(out, force ?? false, "index");
  const listed = await openDataset(data, { badSamples, onFiles: listingReport(data) });
  if (listed.leftOut !== "") process.stderr.write(`${quote(data)}: ${listed.leftOut}\n`);
  const dataset = hash ? await hashSamples(listed, listingReport(data, { what: "reading" })) : listed;
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
    .option("--out <file>", "index to write (default: the data set's path and .index)")
    .option("--hash", "read every file, so that fingerprint and every later read cover its content")
    .addOption(badSamplesOption())
    .option("--force", "replace an index")
    .option("--json", "print one line of JSON");
  command.action(action(index));
  withExamples(command, [
    ["photos/train.index, which --data takes", "vitrine dataset index --data photos/train"],
    ["for copies on several machines", "vitrine dataset index --data train.csv --hash --out train.index"],
  ]);
}
