// Durable files: the few operations on files that a checkpoint is made of, each on disk before it returns. They are
// an interface so that a test can pull the plug between any two of them.

import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";

export interface DurableFiles {
  /** Creates a file and waits until its bytes are on disk. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Replaces `to` where it is a file. */
  rename(from: string, to: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** With everything in it; nothing happens where it is missing. */
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

/** Windows cannot open a folder, and keeps renames in its journal by itself. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
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
