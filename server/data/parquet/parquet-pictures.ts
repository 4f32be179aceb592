// Parquet pictures: the pictures of Parquet files in the order of their rows, for packing into shards. Labels are read
// first, since the classes of names are known when all have been seen; then the pictures, a row group at a time.

import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { byCodePoint } from "../../../runtime/batches/code-point-order.js";
import { isRemote } from "../../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { entryAt } from "../../../runtime/host/node-files.js";
import { ClassLabels, labelFault } from "../class-labels.js";
import type { ListingFaults } from "../listing-faults.js";
import type { PackSource, SourcePicture } from "../shards/pack-shards.js";
import { badParquet } from "./image-columns.js";
import { ParquetReader } from "./parquet-reader.js";

const PARQUET = /\.parquet$/i;

/** "train" of "train-00000-of-00005.parquet", which may be one of several splits of a folder; "" of "0000.parquet". */
const splitOf = (name: string): string =>
  name.replace(PARQUET, "").replace(/(-?\d+(-of-\d+)?)(-[0-9a-f]+)?$/, "");

/**
 * Paths of the Parquet files at a path, in the order of their names: a file, a pattern such as `data/train-*.parquet`, or
 * a folder of them; undefined for any other path. Throws `data/parquet` for a folder with several splits, and for a
 * pattern that no name fits.
 */
export function parquetFiles(path: string): string[] | undefined {
  if (isRemote(path)) return undefined;
  if (PARQUET.test(path)) {
    if (entryAt(path) || !basename(path).includes("*")) return [path];
    const parts = basename(path)
      .split("*")
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
    const fits = new RegExp(`^${parts.join(".*")}$`);
    const names = entryAt(dirname(path))?.isDirectory() ? readdirSync(dirname(path)) : [];
    const found = names.filter((name) => fits.test(name) && !name.startsWith(".")).sort(byCodePoint);
    if (found.length === 0) throw badParquet(path, "no file has a name of this form");
    return found.map((name) => join(dirname(path), name));
  }
  if (!entryAt(path)?.isDirectory()) return undefined;
  const names = readdirSync(path).filter((name) => PARQUET.test(name) && !name.startsWith("."));
  if (names.length === 0) return undefined;
  const splits = [...new Set(names.map(splitOf))].sort(byCodePoint);
  if (splits.length > 1)
    throw badParquet(
      path,
      `files of several splits (${splits.map(quote).join(", ")}): name one, as in "${quote(join(path, `${splits[0]}*.parquet`))}"`,
    );
  return names.sort(byCodePoint).map((name) => join(path, name));
}

interface Options {
  /** Leave out rows without picture or label. */
  mayLeaveOut: boolean;
  /** Called with the number of rows whose labels have been read. */
  onRows(rows: number): void;
}

/** Rows of one file, and the number of each label. */
interface Labeled {
  path: string;
  groups: number[];
  numbers: Int32Array;
}

const NO_LABEL = -1;
const NO_NAMES: readonly string[] = [];

/** Runs with a reader of the file, which is closed then. */
async function withReader<T>(
  path: string,
  run: (opened: Awaited<ReturnType<typeof ParquetReader.open>>) => Promise<T>,
): Promise<T> {
  const opened = await ParquetReader.open(path);
  try {
    return await run(opened);
  } finally {
    opened.reader.close();
  }
}

/** Throws `data/parquet`, `file/…`. */
export async function openParquet(
  path: string,
  files: readonly string[],
  { mayLeaveOut, onRows }: Options,
): Promise<PackSource> {
  const labels = new ClassLabels((where, has) => badParquet(path, `${where} has ${has}`));
  let names = NO_NAMES;
  let samples = 0;
  const labeled: Labeled[] = [];
  for (const file of files)
    await withReader(file, async ({ reader, opened: { columns, groups } }) => {
      if (labeled.length === 0) names = columns.classNames;
      else if (columns.classNames.join("\n") !== names.join("\n"))
        throw badParquet(file, `other class names than ${quote(files[0])}`);
      const numbers = new Int32Array(groups.reduce((sum, rows) => sum + rows, 0));
      let row = 0;
      for (const group of groups.keys())
        for (const label of await reader.labels(group)) {
          const fault = label === undefined ? "no label" : labelFault(label);
          if (fault !== undefined && !mayLeaveOut) throw badParquet(file, `row ${row} has ${fault}`);
          numbers[row] =
            fault === undefined
              ? labels.numberOf(label as string, `${quote(basename(file))} row ${row}`)
              : NO_LABEL;
          row++;
          onRows(samples + row);
        }
      samples += row;
      labeled.push({ path: file, groups, numbers });
    });
  const { indices, classes } = labels.classes(names);

  async function* pictures(faults: ListingFaults): AsyncGenerator<SourcePicture> {
    for (const { path: file, groups, numbers } of labeled) {
      const { reader } = await ParquetReader.open(file);
      const stem = basename(file).replace(PARQUET, "");
      let row = 0;
      try {
        for (const group of groups.keys())
          for await (const { name, bytes } of reader.pictures(group, groups[group])) {
            const number = numbers[row];
            const own = name ?? String(row).padStart(8, "0");
            row++;
            if (bytes && number !== NO_LABEL) {
              yield { name: Buffer.from(`${stem}/${own}`), bytes, label: indices[number] };
              continue;
            }
            const what = bytes
              ? "no label"
              : `no bytes${name === undefined ? "" : ` of ${quote(name)}, only its name`}`;
            const text = `${quote(file)}: row ${row - 1} has ${what}`;
            if (!mayLeaveOut) throw new VitrineError("data/parquet", text, { details: { path: file } });
            faults.add(text);
          }
      } finally {
        reader.close();
      }
    }
  }
  return { path, samples, classes, pictures };
}
