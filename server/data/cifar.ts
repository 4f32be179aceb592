// CIFAR-10 and CIFAR-100 in their binary form: records of one or two labels and 32 × 32 pixels, red, green, blue planes.

import { basename, dirname, join } from "node:path";
import { quote, VitrineError } from "../../runtime/errors.js";
import {
  entryAt,
  LARGEST_TEXT,
  readFileIfAnySync,
  readWholeFileSync,
} from "../../runtime/host/node-files.js";
import type { Listing } from "./dataset.js";
import { PLANAR_32_BYTES } from "./sample-location.js";
import { TableBuilder } from "./sample-table.js";

const TRAINING = /^(data_batch_\d+|train)\.bin$/;
const ANY = /^(data_batch_\d+|test_batch|train|test)\.bin$/;
const HUNDRED = /^(train|test)\.bin$/;
const LARGEST_FILE = 2 ** 30;

/** Whether a path is a file of CIFAR, by its name. */
export const isCifarFile = (path: string): boolean => ANY.test(basename(path));

/** Names of the training files among those of a folder; empty where it is no folder of CIFAR. */
export function cifarFiles(names: readonly string[]): string[] {
  return names.filter((name) => TRAINING.test(name)).sort();
}

function readNames(folder: string, file: string): string[] {
  const bytes = readFileIfAnySync(join(folder, file), LARGEST_TEXT);
  return bytes === null
    ? []
    : new TextDecoder()
        .decode(bytes)
        .split(/\r?\n/)
        .filter((line) => line.trim() !== "");
}

/** Files of a folder, in this order. Throws `data/bad-shard` for one that has no whole number of records. */
export function readCifar(root: string, names: readonly string[]): Listing {
  const hundred = HUNDRED.test(names[0]);
  const labelBytes = hundred ? 2 : 1;
  const classes = readNames(root, hundred ? "fine_label_names.txt" : "batches.meta.txt");
  const count = hundred ? 100 : 10;
  const named = classes.length === count ? classes : new Array<string>(count).fill("");
  const record = labelBytes + PLANAR_32_BYTES;
  const table = new TableBuilder();
  const labels: number[] = [];
  const refuse = (path: string, what: string): VitrineError =>
    new VitrineError("data/bad-shard", `${quote(path)}: ${what}`, { details: { path } });
  const files = names.map((name) => {
    const path = join(root, name);
    const bytes = readWholeFileSync(path, LARGEST_FILE);
    const modifiedMs = entryAt(path)?.mtimeMs ?? Number.NaN;
    table.shards.push({ name, bytes: bytes.length, modifiedMs });
    if (bytes.length === 0 || bytes.length % record !== 0)
      throw refuse(path, `${bytes.length} bytes are no whole number of records of ${record}`);
    return { name, path, bytes };
  });
  for (const [shard, { name, path, bytes }] of files.entries()) {
    for (let at = 0; at < bytes.length; at += record) {
      const label = bytes[at + labelBytes - 1];
      if (label >= count) throw refuse(path, `label ${label} at byte ${at}; allowed: 0 to ${count - 1}`);
      labels.push(label);
      const picture = `${name}/${String(at / record).padStart(5, "0")}`;
      table.add(picture, PLANAR_32_BYTES, Number.NaN, shard, at + labelBytes);
    }
  }
  const shared = new Int32Array(new SharedArrayBuffer(4 * labels.length));
  shared.set(labels);
  return {
    root,
    table: { ...table.finish(), layout: "planar-32" },
    labels: shared,
    classes: named,
    otherFiles: 0,
    otherKinds: "",
    leftOut: "",
  };
}

/** A single file, such as test_batch.bin. */
export function readCifarFile(path: string): Listing {
  return readCifar(dirname(path), [basename(path)]);
}
