// Top models: the models of a run's best epochs, kept in RUN/top, one folder for each.

import { join } from "node:path";
import type { BestScore } from "../core/ranking.js";
import { commitFolder, type DurableFiles, recoverFolder } from "./commit-folder.js";

/** In RUN. */
const TOP = "top";

/** Below RUN, `top/epoch-0012`. */
export const topFolder = (epoch: number): string => join(TOP, topName(epoch));

/** `epoch-0012`: epochs as printed lines count them, from 1. */
const topName = (epoch: number): string => `epoch-${String(epoch + 1).padStart(4, "0")}`;

/** Writes the model of an epoch to RUN/top. The state that names it must be written after it. */
export async function saveTop(
  files: DurableFiles,
  folder: string,
  epoch: number,
  model: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await files.makeFolder(join(folder, TOP));
  await commitFolder(files, join(folder, TOP), topName(epoch), model);
}

const FOLDER = /^(epoch-\d{4,})(\.next|\.commit|\.old)?$/;

/**
 * Completes what a crash interrupted in RUN/top, and removes the epochs that the saved state does not name. A folder
 * that goes is renamed first: under its own name a model is always whole. Folders with other names stay.
 */
export async function pruneTop(
  files: DurableFiles,
  folder: string,
  top: readonly BestScore[],
): Promise<void> {
  const parent = join(folder, TOP);
  if (!(await files.exists(parent))) return;
  const found = (await files.list(parent)).flatMap((name) => FOLDER.exec(name)?.[1] ?? []);
  const kept = new Set(top.map(({ epoch }) => topName(epoch)));
  for (const name of new Set(found)) {
    await recoverFolder(files, parent, name);
    const old = join(parent, `${name}.old`);
    await files.removeFolder(old);
    if (kept.has(name) || !(await files.exists(join(parent, name)))) continue;
    await files.rename(join(parent, name), old);
    await files.removeFolder(old);
  }
}
