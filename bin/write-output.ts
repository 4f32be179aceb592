// Write output: what a command writes under --out, a folder or a file, complete or not at all.

import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, open, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { quote, VitrineError } from "../runtime/errors.js";
import { commitFolder, DISK } from "../trainer/checkpoint/commit-folder.js";

/** Throws `file/exists` unless `out` is free, an empty folder, or a folder that may be overwritten. */
export function checkFolderOut(out: string, force: boolean): void {
  if (!existsSync(out)) return;
  const details = { path: out };
  if (!statSync(out).isDirectory())
    throw new VitrineError("file/exists", `--out ${quote(out)} is a file: give a folder`, { details });
  if (force || readdirSync(out).length === 0) return;
  const text = `--out ${quote(out)} is not empty: choose another, or add --force to replace the model in it`;
  throw new VitrineError("file/exists", text, { details });
}

/** Throws `file/exists` unless `out` is free or an empty folder. */
export function checkEmptyFolderOut(out: string, flag = "--out"): void {
  if (!existsSync(out) || (statSync(out).isDirectory() && readdirSync(out).length === 0)) return;
  const text = `${flag} ${quote(out)} exists and is not an empty folder: choose another`;
  throw new VitrineError("file/exists", text, { details: { path: out } });
}

/** Throws `file/exists` unless `out` is free, or a file that may be replaced. `ending`: of a name in the message. */
export function checkFileOut(out: string, force: boolean, ending: string): void {
  if (!existsSync(out)) return;
  const details = { path: out };
  if (statSync(out).isDirectory()) {
    const text = `--out ${quote(out)} is a folder: give a file, such as ${join(quote(out), `model.${ending}`)}`;
    throw new VitrineError("file/exists", text, { details });
  }
  if (force) return;
  const text = `${quote(out)} exists: choose another file with --out, or add --force to replace it`;
  throw new VitrineError("file/exists", text, { details });
}

/** `22.9 MB`, and below 0.1 MB `36 kB`. */
export function sizeText(bytes: number): string {
  return bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function unwritable(out: string, cause: unknown, flag = "--out"): VitrineError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const text = `${flag} ${quote(out)} cannot be written (${reason}); check the path, its permissions and the free space`;
  return new VitrineError("file/unwritable", text, { cause, details: { path: out } });
}

/** Writes file name → bytes as one transaction. Throws `file/unwritable`. */
export async function writeFolderOut(out: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const folder = resolve(out);
  try {
    await DISK.makeFolder(dirname(folder));
    await commitFolder(DISK, dirname(folder), basename(folder), files);
  } catch (cause) {
    throw unwritable(out, cause);
  }
}

/**
 * Writes path below `out` → bytes as one transaction: under another name beside `out`, which is free or an empty folder
 * (`checkEmptyFolderOut`). Throws `file/unwritable`.
 */
export async function writeTreeOut(
  out: string,
  files: ReadonlyMap<string, Uint8Array | AsyncIterable<Uint8Array>>,
  flag = "--out",
): Promise<void> {
  const target = resolve(out);
  const partial = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await DISK.makeFolder(partial);
    for (const [path, content] of files) {
      const file = join(partial, path);
      await mkdir(dirname(file), { recursive: true });
      const handle = await open(file, "wx");
      try {
        if (content instanceof Uint8Array) await handle.writeFile(content);
        else for await (const piece of content) await handle.writeFile(piece);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
    // Not every system renames a folder to the name of an empty one.
    if (existsSync(target)) await rmdir(target);
    await rename(partial, target);
    await DISK.syncFolder(dirname(target));
  } catch (cause) {
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw unwritable(out, cause, flag);
  }
}

/** Writes a file under another name beside it, and renames it when it is complete. Throws `file/unwritable`. */
export async function writeFileOut(out: string, bytes: Uint8Array): Promise<void> {
  const target = resolve(out);
  const partial = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await DISK.makeFolder(dirname(target));
    await DISK.write(partial, bytes);
    await rename(partial, target);
    await DISK.syncFolder(dirname(target));
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => {});
    throw unwritable(out, cause);
  }
}
