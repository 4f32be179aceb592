// Hub cache: files as huggingface_hub keeps them, so that both find what the other has downloaded.
//
//   models--OWNER--NAME/refs/REVISION         the commit that a branch or tag pointed to
//   models--OWNER--NAME/blobs/ETAG            contents, by their checksum
//   models--OWNER--NAME/snapshots/COMMIT/FILE a relative link to the blob

import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, stat, statfs, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { VitrineError } from "../../../runtime/errors.js";

export const COMMIT = /^[0-9a-f]{40}$/;

/** A header's ETag as a file name: huggingface_hub takes it without quotes and weakness mark. */
const ETAG = /^[A-Za-z0-9_][\w.-]{0,127}$/;

/** null where a header is no ETag that can be a file's name. */
export function blobName(header: string | null): string | null {
  const etag = header?.replace(/^W\//, "").replace(/^"(.*)"$/, "$1") ?? "";
  return ETAG.test(etag) ? etag : null;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}

function unwritable(folder: string, cause: unknown): VitrineError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const text = `the cache ${folder} cannot be written (${reason}): free space or permissions; HF_HOME names another folder`;
  return new VitrineError("file/unwritable", text, { cause, details: { path: folder } });
}

/** The folder of a repository in the cache. Throws `file/unwritable` where it cannot be changed. */
export class RepositoryCache {
  readonly folder: string;

  constructor(cacheFolder: string, { owner, name }: { owner: string; name: string }) {
    this.folder = join(cacheFolder, `models--${owner}--${name}`);
  }

  /** Runs a change of the folder. */
  async change<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      if (cause instanceof VitrineError || (cause as NodeJS.ErrnoException).syscall === undefined)
        throw cause;
      throw unwritable(this.folder, cause);
    }
  }

  blobPath(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  snapshotFolder(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  hasBlob(etag: string): Promise<boolean> {
    return isFile(this.blobPath(etag));
  }

  /** Whether a snapshot has a file, its contents included. */
  hasFile(commit: string, file: string): Promise<boolean> {
    return isFile(join(this.snapshotFolder(commit), file));
  }

  /** The commit that a revision is or last was; null where the cache does not know it. */
  async commitOf(revision: string): Promise<string | null> {
    if (COMMIT.test(revision)) return revision;
    const text = await readFile(join(this.folder, "refs", revision), "utf8").catch(() => "");
    return COMMIT.test(text.trim()) ? text.trim() : null;
  }

  /** Notes what a branch or tag points to. */
  async setCommit(revision: string, commit: string): Promise<void> {
    if (COMMIT.test(revision) || (await this.commitOf(revision)) === commit) return;
    const path = join(this.folder, "refs", revision);
    await this.#replace(path, (temporary) => writeFile(temporary, commit));
  }

  /** Makes a blob a file of a snapshot: a link, or a copy where links are not allowed. */
  async link(etag: string, commit: string, file: string): Promise<void> {
    const path = join(this.snapshotFolder(commit), file);
    const blob = this.blobPath(etag);
    await this.#replace(path, (temporary) =>
      symlink(relative(dirname(path), blob), temporary).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EPERM" && error.code !== "ENOSYS") throw error;
        return copyFile(blob, temporary);
      }),
    );
  }

  /** Makes a file under another name and renames it, so that no other process sees half of it. */
  async #replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    await this.change(async () => {
      await mkdir(dirname(path), { recursive: true });
      try {
        await make(temporary);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  /** Bytes free on the cache's disk; infinite where the system does not say. */
  async freeBytes(): Promise<number> {
    await this.change(() => mkdir(join(this.folder, "blobs"), { recursive: true }));
    return statfs(this.folder).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => Number.POSITIVE_INFINITY,
    );
  }
}
