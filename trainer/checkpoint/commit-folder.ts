// Commit folder: replaces the files of a folder as one transaction, so that a crash at any moment leaves the old or the
// new ones.
//
//   NAME.next/    being written; worthless until complete
//   NAME.commit/  complete: renaming NAME.next to this is the moment at which the new checkpoint counts
//   NAME/         what readers open; its files are then replaced one by one by those of NAME.commit/
//
// Two folders cannot be swapped by one rename, so NAME would be missing for a moment. Moving single files instead
// keeps a readable model in NAME at all times, and the first writer after a crash finishes the move.

import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../runtime/host/node-sync-folder.js";

/**
 * The file operations of a checkpoint, each on disk before it returns. An interface, so that a test can cut the power
 * between any two of them.
 */
export interface DurableFiles {
  /** Creates a file and waits until its bytes are on disk. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Replaces `to` if it is a file. */
  rename(from: string, to: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** With its contents; does nothing if it is missing. */
  removeFolder(path: string): Promise<void>;
  /** Waits until the folder's own entries (names, renames) are on disk. */
  syncFolder(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  list(path: string): Promise<string[]>;
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

export const DISK: DurableFiles = {
  write,
  rename,
  makeFolder: async (path) => void (await mkdir(path, { recursive: true })),
  removeFolder: (path) => rm(path, { recursive: true, force: true }),
  syncFolder,
  exists,
  list: (path) => readdir(path),
};

/** Moves the remaining files of NAME.commit into NAME. Repeating it after a crash gives the same result. */
async function finishCommit(files: DurableFiles, parent: string, name: string): Promise<void> {
  const commit = join(parent, `${name}.commit`);
  const target = join(parent, name);
  await files.makeFolder(target);
  for (const file of await files.list(commit)) await files.rename(join(commit, file), join(target, file));
  await files.syncFolder(target);
  await files.removeFolder(commit);
  await files.syncFolder(parent);
}

/** After a crash: removes a partial NAME.next, completes a NAME.commit. Does nothing if neither exists. */
export async function recoverFolder(files: DurableFiles, parent: string, name: string): Promise<void> {
  const next = join(parent, `${name}.next`);
  if (await files.exists(next)) await files.removeFolder(next);
  if (await files.exists(join(parent, `${name}.commit`))) await finishCommit(files, parent, name);
}

/** Writes file name → bytes to the folder PARENT/NAME. Files of that folder with other names stay as they are. */
export async function commitFolder(
  files: DurableFiles,
  parent: string,
  name: string,
  contents: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await recoverFolder(files, parent, name);
  const next = join(parent, `${name}.next`);
  await files.makeFolder(next);
  try {
    for (const [file, bytes] of contents) await files.write(join(next, file), bytes);
    await files.syncFolder(next);
  } catch (error) {
    // The rest of a full disk is worth more to others than half a checkpoint is.
    await files.removeFolder(next).catch(() => {});
    throw error;
  }
  if (await files.exists(join(parent, name))) {
    await files.rename(next, join(parent, `${name}.commit`));
    await files.syncFolder(parent);
    await finishCommit(files, parent, name);
  } else {
    await files.rename(next, join(parent, name));
    await files.syncFolder(parent);
  }
}
