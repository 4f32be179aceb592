// A folder's own entries on disk: a file that was written, synced and renamed may still be missing after a power cut
// until its folder is synced, too.

import { open } from "node:fs/promises";

/** Waits until names and renames in the folder are on disk. Windows cannot open a folder, and journals renames by itself. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
