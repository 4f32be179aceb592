// Run files: a run among the private files of its origin (OPFS). A checkpoint is a folder of its own, which counts once
// its list of files was written; then the one before it goes. A page that dies in between leaves the older one.

import { quote, VitrineError } from "../../../runtime/errors.js";

/** The part of FileSystemSyncAccessHandle in use, which only workers have. */
interface SyncHandle {
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
type WritableFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncHandle> };

const RUNS = "vitrine-runs";
/** Written last into a checkpoint: file name → bytes. */
const LIST = "files.json";
/** In a checkpoint: what a list of runs shows. */
export const SUMMARY_FILE = "summary.json";
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

function checkRunName(run: string): void {
  if (NAME.test(run)) return;
  const text = `run "${quote(run)}": allowed: 1 to 64 letters, digits, "-" and "_"`;
  throw new VitrineError("usage/bad-option", text);
}

async function originFolder(): Promise<FileSystemDirectoryHandle> {
  const { storage } = globalThis.navigator;
  if (!storage?.getDirectory) {
    const text =
      "a page trains only where it may keep private files: loaded over https or from localhost, and in no private window";
    throw new VitrineError("device/unsupported", text);
  }
  return storage.getDirectory();
}

const isMissing = (error: unknown): boolean =>
  error instanceof DOMException && (error.name === "NotFoundError" || error.name === "TypeMismatchError");

/** Undefined where there is none. */
async function folderIn(
  parent: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await parent.getDirectoryHandle(name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Undefined where no run was kept yet: looking for one takes no space. */
async function runsFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  return folderIn(await originFolder(), RUNS);
}

async function fileIn(folder: FileSystemDirectoryHandle, name: string): Promise<File | null> {
  try {
    return await (await folder.getFileHandle(name)).getFile();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function writeFile(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  const file = (await folder.getFileHandle(name, { create: true })) as WritableFile;
  const handle = await file.createSyncAccessHandle();
  try {
    handle.truncate(0);
    for (let done = 0; done < bytes.length; ) {
      const written = handle.write(bytes.subarray(done), { at: done });
      if (!(written > 0)) throw new DOMException("no byte was written", "QuotaExceededError");
      done += written;
    }
    handle.flush();
  } finally {
    handle.close();
  }
}

const asJson = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/**
 * An error of the browser while a run was written, as `file/unwritable`; any other as it is. `neededBytes`: of all of the
 * run's files.
 */
export function inWriting(error: unknown, neededBytes?: number): unknown {
  if (!(error instanceof DOMException)) return error;
  const needs = neededBytes === undefined ? "" : `it needs ${(neededBytes / 1e6).toFixed(1)} MB, and `;
  const reason =
    error.name === "QuotaExceededError"
      ? `${needs}the browser gives this site no more space: free some on this device, or remove other runs`
      : `the browser refused: ${quote(error.name)}`;
  const details = neededBytes === undefined ? {} : { neededBytes };
  return new VitrineError("file/unwritable", `the run cannot be kept: ${reason}`, { details, cause: error });
}

/** The kinds of checkpoints: the run as it stopped, and the model of its best validation. */
export type CheckpointKind = "last" | "best";

const generationOf = (name: string, kind: CheckpointKind): number =>
  name.startsWith(`${kind}-`) ? Number(name.slice(kind.length + 1)) : Number.NaN;

/** The files of one run. */
export class RunFiles {
  readonly run: string;
  readonly #folder: FileSystemDirectoryHandle;

  private constructor(run: string, folder: FileSystemDirectoryHandle) {
    this.run = run;
    this.#folder = folder;
  }

  /** Null where there is no run of that name. Throws `usage/bad-option`. */
  static async open(run: string): Promise<RunFiles | null> {
    checkRunName(run);
    const runs = await runsFolder();
    const folder = runs && (await folderIn(runs, run));
    return folder ? new RunFiles(run, folder) : null;
  }

  /** Throws `usage/bad-option`, and the browser's error where there is no space. */
  static async create(run: string): Promise<RunFiles> {
    checkRunName(run);
    const runs = await (await originFolder()).getDirectoryHandle(RUNS, { create: true });
    return new RunFiles(run, await runs.getDirectoryHandle(run, { create: true }));
  }

  static async names(): Promise<string[]> {
    const names: string[] = [];
    const runs = await runsFolder();
    if (!runs) return names;
    for await (const [name, handle] of runs.entries()) if (handle.kind === "directory") names.push(name);
    return names.sort();
  }

  static async remove(run: string): Promise<void> {
    checkRunName(run);
    try {
      await (await runsFolder())?.removeEntry(run, { recursive: true });
    } catch (error) {
      if (!isMissing(error)) throw inWriting(error);
    }
  }

  /** Keeps files under a folder's name, replacing its files of the same names; `list` is what `readList` returns. */
  async keepFolder(name: string, files: readonly Blob[], list: unknown): Promise<void> {
    const folder = await this.#folder.getDirectoryHandle(name, { create: true });
    for (const [index, file] of files.entries())
      await writeFile(folder, `${index}`, new Uint8Array(await file.arrayBuffer()));
    await writeFile(folder, LIST, asJson(list));
  }

  /** What `keepFolder` was given, and the files; null where it did not end. */
  async readFolder(
    name: string,
  ): Promise<{ list: unknown; file(index: number): Promise<File | null> } | null> {
    const folder = await folderIn(this.#folder, name);
    const list = folder && (await readJson(folder, LIST));
    if (!folder || list === undefined || list === null) return null;
    return { list, file: (index) => fileIn(folder, `${index}`) };
  }

  async #generations(kind: CheckpointKind): Promise<number[]> {
    const found: number[] = [];
    for await (const name of this.#folder.keys()) {
      const generation = generationOf(name, kind);
      if (Number.isSafeInteger(generation)) found.push(generation);
    }
    return found.sort((a, b) => b - a);
  }

  /** Writes a checkpoint, and removes those before it. */
  async save(kind: CheckpointKind, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const before = await this.#generations(kind);
    const name = `${kind}-${(before[0] ?? 0) + 1}`;
    const folder = await this.#folder.getDirectoryHandle(name, { create: true });
    try {
      for (const [file, bytes] of files) await writeFile(folder, file, bytes);
      await writeFile(
        folder,
        LIST,
        asJson(Object.fromEntries(Array.from(files, ([file, bytes]) => [file, bytes.length]))),
      );
    } catch (error) {
      // The rest of a full disk is worth more to others than half a checkpoint is.
      await this.#folder.removeEntry(name, { recursive: true }).catch(() => {});
      throw error;
    }
    for (const generation of before) await this.#removeGeneration(kind, generation);
  }

  /** What cannot be removed now, such as a file that another tab reads, goes with a later checkpoint. */
  async #removeGeneration(kind: CheckpointKind, generation: number): Promise<void> {
    await this.#folder.removeEntry(`${kind}-${generation}`, { recursive: true }).catch(() => {});
  }

  /** The newest whole checkpoint: reads a file of it, null where it has none of that name. Null without a checkpoint. */
  async newest(
    kind: CheckpointKind,
  ): Promise<((file: string) => Promise<Uint8Array<ArrayBuffer> | null>) | null> {
    for (const generation of await this.#generations(kind)) {
      const folder = await folderIn(this.#folder, `${kind}-${generation}`);
      const list = folder && (await readJson(folder, LIST));
      if (!folder || typeof list !== "object" || list === null) continue;
      const sizes = await Promise.all(
        Object.entries(list).map(async ([file, bytes]) => (await fileIn(folder, file))?.size === bytes),
      );
      if (sizes.includes(false)) continue;
      return async (file) => {
        const found = await fileIn(folder, file);
        return found && new Uint8Array(await found.arrayBuffer());
      };
    }
    return null;
  }
}

/** Undefined for what is no JSON, as a file that was cut is not; null where it is missing. */
async function readJson(folder: FileSystemDirectoryHandle, name: string): Promise<unknown> {
  const file = await fileIn(folder, name);
  if (!file) return null;
  try {
    return JSON.parse(await file.text());
  } catch {
    return undefined;
  }
}
