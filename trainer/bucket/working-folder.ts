// Working folder: the folder of this machine in which a run that a bucket keeps is written. A copy: what counts is in the
// bucket, and the folder is made equal to it when a run begins.

import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { LARGEST_WEIGHTS, readFileIfAny, readWholeFile } from "../../runtime/host/node-files.js";
import { LOCK_FILE } from "../run-lock.js";

export interface WorkingFile {
  /** Relative to the folder, with slashes. */
  name: string;
  /** Changes with the contents. */
  stamp: string;
}

/** Is an object of its own under its own name, which people open. */
export const REPORT = "report.html";

/** Files of this machine alone: its lock, and what is being written; and the report. */
const PRIVATE = new RegExp(`^(${LOCK_FILE}(\\.takeover)?|${REPORT})$|\\.(next|commit|old|part)($|/)`);
const PART = ".part";

async function namesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(folder.length + 1)
        .split(sep)
        .join("/"),
    );
}

/** The files that belong to the run, by name. */
export async function runFiles(folder: string): Promise<WorkingFile[]> {
  const names = (await namesBelow(folder)).filter((name) => !PRIVATE.test(name)).sort();
  const files: WorkingFile[] = [];
  for (const name of names) {
    const { size, mtimeMs, ino } = await stat(join(folder, name));
    files.push({ name, stamp: `${size} ${mtimeMs} ${ino}` });
  }
  return files;
}

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Throws `file/not-found`, `file/unreadable`. */
export const readRunFile = (folder: string, name: string): Promise<Uint8Array> =>
  readWholeFile(join(folder, name), LARGEST_WEIGHTS);

/** Whether the file is there with these contents. */
export async function hasContents(folder: string, name: string, sha256: string): Promise<boolean> {
  const bytes = await readFileIfAny(join(folder, name), LARGEST_WEIGHTS);
  return bytes !== null && sha256Of(bytes) === sha256;
}

export async function writeRunFile(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}${PART}`;
  await writeFile(part, bytes);
  await rename(part, path);
}

/** Removes everything but the lock and the files that are named. */
export async function removeOthers(folder: string, kept: (name: string) => boolean): Promise<void> {
  const lock = new RegExp(`^${LOCK_FILE}(\\.takeover)?$`);
  for (const name of await namesBelow(folder))
    if (!kept(name) && !lock.test(name)) await rm(join(folder, name), { force: true });
  const folders = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name));
  // The deepest first: a folder goes once it is empty.
  for (const path of folders.sort((a, b) => b.length - a.length))
    if ((await readdir(path)).length === 0) await rm(path, { recursive: true });
}
