// Run list: the runs that a dashboard shows: those that it was given, and the ones in folders of runs.

import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { RunEntry } from "../../proto/dashboard.js";
import { entryAt } from "../../runtime/host/node-files.js";
import type { ObservedRun, ObservedRuns } from "../../server/dashboard/observed-run.js";
import { LAST } from "../../trainer/checkpoint/run-folders.js";
import { STATE_FILE } from "../../trainer/core/state.js";

/** More would not fit a list that someone reads. The latest ones are shown. */
const MOST_RUNS = 48;
/** Folders are listed no more often. */
const LIST_MS = 2000;

const stateFile = (folder: string): string => join(folder, LAST, STATE_FILE);

export const isRun = (folder: string): boolean => entryAt(stateFile(folder)) !== undefined;

/** The runs in a folder, the one that was saved last first. */
export function runsIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const times = new Map<string, number>();
  for (const name of names) {
    const path = join(folder, name);
    const time = statSync(stateFile(path), { throwIfNoEntry: false })?.mtimeMs;
    if (time !== undefined) times.set(path, time);
  }
  const newest = [...times].sort(([, a], [, b]) => b - a);
  return newest.slice(0, MOST_RUNS).map(([path]) => path);
}

export interface RunListOptions {
  /** The run that this process trains. */
  live?: ObservedRun & { readonly id: string; readonly folder: string };
  /** Folders of runs, and folders whose runs are listed again as they appear. */
  runs: readonly string[];
  parents: readonly string[];
  /** A run by its folder. */
  open(id: string, folder: string): ObservedRun;
}

export function createRunList({ live, runs, parents, open }: RunListOptions): ObservedRuns {
  const byId = new Map<string, ObservedRun>(live ? [[live.id, live]] : []);
  const idOf = new Map<string, string>(live ? [[resolve(live.folder), live.id]] : []);
  let listed = Number.NEGATIVE_INFINITY;
  /** Runs of one name in several folders are told apart by a number. */
  const add = (folder: string): void => {
    const path = resolve(folder);
    if (idOf.has(path) || byId.size >= MOST_RUNS) return;
    const name = basename(path);
    let id = name;
    for (let number = 2; byId.has(id); number++) id = `${name} (${number}, in ${basename(dirname(path))})`;
    idOf.set(path, id);
    byId.set(id, open(id, folder));
  };
  const look = (): void => {
    if (performance.now() - listed < LIST_MS) return;
    listed = performance.now();
    for (const parent of parents) for (const folder of runsIn(parent)) add(folder);
  };
  for (const folder of runs) add(folder);
  return {
    async list() {
      look();
      const entries: RunEntry[] = [];
      for (const run of byId.values()) entries.push(await run.entry());
      return entries;
    },
    async find(id) {
      look();
      return byId.get(id);
    },
  };
}
