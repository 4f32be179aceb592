// Commit folder: replaces the files of a folder as one, so that a crash at any moment leaves the old or the new ones.
//
//   NAME.next/    being written; worth nothing
//   NAME.commit/  complete: renaming NAME.next to this is the moment at which the new checkpoint counts
//   NAME/         what everyone reads; its files are then replaced one by one by those of NAME.commit/
//
// Two folders cannot be swapped by one rename, so NAME would be missing for a moment. Moving single files instead
// keeps a readable model in NAME at all times, and whoever comes after a crash finishes the move.

import { join } from "node:path";
import type { DurableFiles } from "./durable-files.js";

/** Moves what NAME.commit still holds into NAME. Repeating it after a crash gives the same end. */
async function finishCommit(files: DurableFiles, parent: string, name: string): Promise<void> {
  const commit = join(parent, `${name}.commit`);
  const target = join(parent, name);
  await files.makeFolder(target);
  for (const file of await files.list(commit)) await files.rename(join(commit, file), join(target, file));
  await files.syncFolder(target);
  await files.removeFolder(commit);
  await files.syncFolder(parent);
}

/** After a crash: drops a half-written NAME.next, completes a NAME.commit. Does nothing where neither is there. */
export async function recoverFolder(files: DurableFiles, parent: string, name: string): Promise<void> {
  const next = join(parent, `${name}.next`);
  if (await files.exists(next)) await files.removeFolder(next);
  if (await files.exists(join(parent, `${name}.commit`))) await finishCommit(files, parent, name);
}

/** File name → bytes become the folder PARENT/NAME. Files of that folder with other names stay as they are. */
export async function commitFolder(
  files: DurableFiles,
  parent: string,
  name: string,
  contents: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await recoverFolder(files, parent, name);
  const next = join(parent, `${name}.next`);
  await files.makeFolder(next);
  for (const [file, bytes] of contents) await files.write(join(next, file), bytes);
  await files.syncFolder(next);
  if (await files.exists(join(parent, name))) {
    await files.rename(next, join(parent, `${name}.commit`));
    await files.syncFolder(parent);
    await finishCommit(files, parent, name);
  } else {
    await files.rename(next, join(parent, name));
    await files.syncFolder(parent);
  }
}
