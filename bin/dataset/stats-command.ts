// vitrine dataset stats: classes, sizes and formats of a data set.

import type { Command } from "commander";
import { classWarnings, counted } from "../../runtime/batches/class-counts.js";
import { displayPath } from "../../runtime/batches/data-path.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import {
  type DatasetStats,
  datasetStats,
  type PictureStats,
  pictureStats,
  type Spread,
} from "../../server/data/dataset-stats.js";
import { openDataset } from "../../server/data/open-dataset.js";
import type { LabelSource } from "../../server/data/shards/shard-samples.js";
import { action, printJson, withExamples } from "../command-line.js";
import { listingReport } from "../listing-report.js";
import { dataOption, labelFromOption } from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import { sizeText } from "../write-output.js";

interface StatsCommand extends RemoteFlags {
  data: string;
  fast?: boolean;
  labelFrom?: LabelSource;
  json?: boolean;
}

/** "12 to 40, median 20". */
function rangeText({ min, median, max }: Spread, text: (value: number) => string): string {
  return min === max ? text(min) : `${text(min)} to ${text(max)}, median ${text(median)}`;
}

const number = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 1 });

function classLine({ counts, imbalance, emptyClasses }: DatasetStats): string {
  const filled = counts.filter((count) => count > 0).sort((a, b) => a - b);
  const median = filled[filled.length >> 1];
  const range = { min: filled[0], median, max: filled.at(-1) as number, mean: 0, sum: 0 };
  const empty = emptyClasses > 0 ? `; ${counted(emptyClasses, "class is", "classes are")} empty` : "";
  return `${rangeText(range, number)}; ratio of largest to smallest ${number(imbalance)}${empty}`;
}

function pictureLines({ width, height, formats, unreadable }: PictureStats): [string, string][] {
  const kinds = Object.entries(formats).map(([format, count]) => `${number(count)} ${format}`);
  return [
    ["width", `${rangeText(width, number)} pixels`],
    ["height", `${rangeText(height, number)} pixels`],
    ["formats", kinds.join(", ") || "none"],
    ...(unreadable > 0
      ? ([["unreadable", `${number(unreadable)}; "vitrine dataset check" says which`]] as [string, string][])
      : []),
  ];
}

async function stats(options: StatsCommand): Promise<void> {
  const { data, fast, labelFrom, json } = options;
  const dataset = await openDataset(data, {
    badSamples: "skip",
    labelFrom,
    remote: remoteSettings(options),
    onFiles: listingReport(data),
  });
  const listed = datasetStats(dataset);
  const module = await createImageModule(nodeHost());
  const onRead = listingReport(data, { what: "reading" });
  const pictures = fast ? undefined : await pictureStats(module, dataset, onRead);
  const { classes, fingerprint, leftOut, samples } = dataset;
  if (json) return printJson({ ...listed, classNames: classes, ...pictures, fingerprint, leftOut });
  const lines: [string, string][] = [
    ["images", number(listed.samples)],
    ["classes", number(listed.classes)],
    ["per class", classLine(listed)],
    ["bytes", `${sizeText(listed.bytes.sum)}; a file ${rangeText(listed.bytes, sizeText)}`],
    ...(pictures ? pictureLines(pictures) : []),
    ["fingerprint", fingerprint.slice(0, 12)],
  ];
  for (const [name, text] of lines) process.stdout.write(`${name.padEnd(12)}${text}\n`);
  if (leftOut !== "") process.stderr.write(`${displayPath(data)}: ${leftOut}\n`);
  for (const text of classWarnings({ classes, counts: listed.counts, samples }))
    process.stderr.write(`warning: ${text}\n`);
}

export function configureStats(dataset: Command): void {
  const command = dataset
    .command("stats")
    .description("print classes, sizes and formats of a data set")
    .addOption(dataOption())
    .option("--fast", "read no picture: classes and bytes only")
    .addOption(labelFromOption())
    .option("--json", "print one line of JSON, with the images of every class");
  addRemoteOptions(command).action(action(stats));
  withExamples(command, [
    ["what a data set has", "vitrine dataset stats --data photos/train"],
    ["images per class", "vitrine dataset stats --data photos/train --fast --json"],
  ]);
}
