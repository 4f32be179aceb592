// Shards: a data set as tar archives, in the order of their names, each in the order of its entries. Every picture is a
// range of its shard; where shards are (a folder, an object store) is their opener's affair.

import { counted } from "../../../runtime/batches/class-counts.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { ClassLabels, labelFault, Numbers } from "../class-labels.js";
import type { Listing } from "../dataset.js";
import { nameText } from "../file-names.js";
import { ListingFaults } from "../listing-faults.js";
import { OtherFiles } from "../other-files.js";
import { type Shard, TableBuilder } from "../sample-table.js";
import { type LabelSource, type ScannedShard, type ShardSample, scanShard } from "./shard-samples.js";
import type { TarSource } from "./tar-entries.js";

/** A shard that is to be read. */
export interface ShardToRead {
  /** As the data set's table has it. */
  shard: Shard;
  /** A source's reads reject with the reason of `signal` where that ends. */
  open(signal: AbortSignal): TarSource | Promise<TarSource>;
}

export interface ShardOptions {
  labelFrom?: LabelSource | undefined;
  /** Names of classes where labels are indices. */
  classNames?: readonly string[];
  /** Leaves out what cannot be read, instead of throwing. */
  mayLeaveOut: boolean;
  /** Shards that are read at a time. Default 1. */
  atOnce?: number;
  /** Called with the number of samples so far. */
  onFiles(samples: number): void;
}

async function scan(
  { shard, open }: ShardToRead,
  labelFrom: LabelSource,
  signal: AbortSignal,
): Promise<ScannedShard> {
  const source = await open(signal);
  try {
    return await scanShard(source, shard.name, labelFrom);
  } finally {
    await source.close();
  }
}

/** Scans in order, the next ones begun meanwhile. The first failure ends all of them. */
async function* scans(
  shards: readonly ShardToRead[],
  labelFrom: LabelSource,
  atOnce: number,
): AsyncGenerator<ScannedShard> {
  const begun: Promise<ScannedShard>[] = [];
  const ended = new AbortController();
  const begin = (shard: ShardToRead): Promise<ScannedShard> => {
    const scanned = scan(shard, labelFrom, ended.signal);
    scanned.catch((error: unknown) => ended.abort(error));
    return scanned;
  };
  let next = 0;
  try {
    for (;;) {
      while (begun.length < atOnce && next < shards.length) begun.push(begin(shards[next++]));
      const first = begun.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    ended.abort();
    await Promise.allSettled(begun);
  }
}

/** First folder of a name: "n01" of "n01/x.jpg". */
function folderOf(name: Uint8Array): string | undefined {
  const slash = name.indexOf(0x2f);
  return slash <= 0 ? undefined : nameText(name.subarray(0, slash));
}

/**
 * `root`: of the shards' names. Throws `data/bad-shard` for a damaged shard, a sample without a label, and where there are
 * no samples; what opening and reading throw.
 */
export async function readShards(
  root: string,
  shards: readonly ShardToRead[],
  { labelFrom = "auto", classNames = [], mayLeaveOut, atOnce = 1, onFiles }: ShardOptions,
): Promise<Listing> {
  const refuse = (what: string): VitrineError =>
    new VitrineError("data/bad-shard", `${quote(root)}: ${what}`, { details: { path: root } });
  const table = new TableBuilder();
  for (const { shard } of shards) table.shards.push(shard);
  const labels = new ClassLabels((where, has) => refuse(`${where} has ${has}`));
  const numbers = new Numbers();
  const faults = new ListingFaults();
  const others = new OtherFiles();
  let byFolder = labelFrom === "folder" ? true : undefined;
  const add = ({ name, offset, size, label }: ShardSample, shard: number): void => {
    // The first sample decides, so that a folder is no label where one is merely missing.
    byFolder ??= labelFrom === "auto" && label === undefined;
    const where = `${quote(shards[shard].shard.name)}: ${quote(nameText(name))}`;
    const text = byFolder ? folderOf(name) : label;
    const fault =
      text === undefined
        ? `no ${byFolder ? "folder" : ".cls or .json entry"} that says its label`
        : labelFault(text);
    if (fault !== undefined || text === undefined) {
      faults.add(`${where}: ${fault}`);
      return;
    }
    numbers.push(labels.numberOf(text, where));
    table.add(name, size, Number.NaN, shard, offset);
  };
  let shard = 0;
  for await (const scanned of scans(shards, labelFrom, atOnce)) {
    for (const sample of scanned.samples) add(sample, shard);
    for (const fault of scanned.faults) faults.add(`${quote(shards[shard].shard.name)}: ${fault}`);
    if (scanned.damage) faults.add(scanned.damage.message);
    else if (scanned.samples.length + scanned.faults.length === 0)
      faults.add(`${quote(shards[shard].shard.name)}: no pictures`);
    others.addAll(scanned.others);
    onFiles(table.count);
    shard++;
  }
  const leftOut = faults.settle("", "data/bad-shard", root, mayLeaveOut);
  if (table.count === 0) {
    const found = others.total > 0 ? `; others are ${others.describe()}` : "";
    throw refuse(
      `no picture with a label in ${counted(shards.length, "shard", "shards")}${found}${leftOut && `; ${leftOut}`}`,
    );
  }
  const { indices, classes } = labels.classes(classNames);
  return {
    root,
    table: table.finish(),
    labels: numbers.mapped((number) => indices[number]),
    classes,
    otherFiles: others.total,
    otherKinds: others.describe(),
    leftOut,
  };
}
