// vitrine dataset check: reads every picture of a data set, and says which would stop a run.

import type { Command } from "commander";
import { counted } from "../../runtime/batches/class-counts.js";
import { type ErrorCode, escapeControls, quote, type VitrineError } from "../../runtime/errors.js";
import { checkSamples } from "../../server/data/check-samples.js";
import { sampleLocation } from "../../server/data/dataset.js";
import { openDecodePool } from "../../server/data/decode-pool.js";
import { openDataset } from "../../server/data/open-dataset.js";
import type { LabelSource } from "../../server/data/shards/shard-samples.js";
import { action, printJson, withExamples } from "../command-line.js";
import { listingReport } from "../listing-report.js";
import { dataOption, labelFromOption, maxPixelsOption, workersOption } from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import { checkFileOut, writeFileOut } from "../write-output.js";

interface CheckCommand extends RemoteFlags {
  data: string;
  fast?: boolean;
  out?: string;
  force?: boolean;
  labelFrom?: LabelSource;
  workers: number;
  maxPixels: number;
  json?: boolean;
}

/** Bad pictures of one code. */
interface Kind {
  code: ErrorCode;
  count: number;
  /** Text of the first one. */
  example: string;
}

interface BadSample {
  index: number;
  file: string;
  error: VitrineError;
}

function kindsOf(bad: readonly BadSample[]): Kind[] {
  const kinds = new Map<ErrorCode, Kind>();
  for (const { error } of bad) {
    const kind = kinds.get(error.code);
    if (kind) kind.count++;
    else kinds.set(error.code, { code: error.code, count: 1, example: error.message });
  }
  return [...kinds.values()].sort((a, b) => b.count - a.count);
}

function table(kinds: readonly Kind[]): string {
  const width = Math.max(...kinds.map(({ code }) => code.length));
  const digits = Math.max(...kinds.map(({ count }) => `${count}`.length));
  return kinds
    .map(({ code, count, example }) => `${`${count}`.padStart(digits)}  ${code.padEnd(width)}  ${example}\n`)
    .join("");
}

async function check(options: CheckCommand): Promise<void> {
  const { data, fast = false, out, force = false, labelFrom, workers, maxPixels, json } = options;
  if (out !== undefined) checkFileOut(out, force, "txt");
  const dataset = await openDataset(data, {
    badSamples: "skip",
    labelFrom,
    remote: remoteSettings(options),
    onFiles: listingReport(data),
  });
  const { samples, leftOut } = dataset;
  const at = (index: number) => sampleLocation(dataset, index);
  const bad: BadSample[] = [];
  const { pool } = await openDecodePool(workers, dataset.remote);
  try {
    await checkSamples(
      pool,
      { count: samples, at },
      {
        whole: !fast,
        pixelLimit: maxPixels,
        goesOn: () => true,
        onFault: (index, error) => void bad.push({ index, file: at(index).name, error }),
        onChecked: listingReport(data, { what: "checking" }),
      },
    );
  } finally {
    await pool.close();
  }
  bad.sort((a, b) => a.index - b.index);
  if (out !== undefined)
    await writeFileOut(out, Buffer.from(bad.map(({ file }) => `${escapeControls(file)}\n`).join("")));
  const kinds = kindsOf(bad);
  if (bad.length > 0 || leftOut !== "") process.exitCode = 1;
  if (json) {
    const files = bad.map(({ file, error: { code, message } }) => ({ file, code, message }));
    const counts = Object.fromEntries(kinds.map(({ code, count }) => [code, count]));
    return printJson({ samples, bad: bad.length, whole: !fast, leftOut, kinds: counts, files });
  }
  const what = fast ? "headers" : "pictures";
  process.stdout.write(
    `${counted(samples, "image", "images")}, ${what} read: ` +
      `${bad.length === 0 ? "none is bad" : `${counted(bad.length, "is", "are")} bad`}\n` +
      (leftOut === "" ? "" : `${leftOut}\n`) +
      (kinds.length === 0 ? "" : table(kinds)) +
      (out === undefined ? "" : `the bad files are listed in ${quote(out)}\n`),
  );
}

export function configureCheck(dataset: Command): void {
  const command = dataset
    .command("check")
    .description("decode every picture and say which would stop a run; exits with 1 where any would")
    .addOption(dataOption())
    .option("--fast", "read headers only: damage behind them is not found")
    .option("--out <file>", "write the bad files' paths, one a line")
    .option("--force", "replace the file of --out")
    .addOption(labelFromOption())
    .addOption(workersOption())
    .addOption(maxPixelsOption())
    .option("--json", "print one line of JSON, with every bad file");
  addRemoteOptions(command).action(action(check));
  withExamples(command, [
    ["before a long run", "vitrine dataset check --data photos/train"],
    ["a list of what to repair or remove", "vitrine dataset check --data train.csv --out bad.txt"],
  ]);
}
