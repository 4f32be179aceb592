// Hub download: one file into the cache, resumed where an earlier try stopped, and kept only if its checksum is right.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { quote, VitrineError } from "../../../runtime/errors.js";
import type { RepositoryCache } from "./cache.js";
import { lockDownload } from "./download-lock.js";
import { pieces, request, type Subject, TransientFailure, unexpected } from "./http.js";
import { Retries } from "./retry.js";
import type { HubSettings } from "./settings.js";

/** A file of a repository at a commit, as the Hub describes it. */
export interface RemoteFile {
  subject: Subject & { file: string };
  url: string;
  /** SHA-256 of a large file, Git's object id of a small one, or what a mirror has instead. */
  etag: string;
  bytes: number;
}

export interface DownloadProgress {
  file: string;
  /** Bytes that are on disk, those of earlier tries included. */
  loaded: number;
  total: number;
  /** Bytes that an earlier run had downloaded. */
  resumed: number;
}

export interface DownloadEvents {
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** A sentence for the user. */
  onNotice?: ((text: string) => void) | undefined;
}

const SHA256 = /^[0-9a-f]{64}$/;
const GIT_OBJECT = /^[0-9a-f]{40}$/;

/** The checksum that an ETag states, computed from a file; null for an ETag of another kind. */
async function checksum(path: string, etag: string, bytes: number): Promise<string | null> {
  if (!SHA256.test(etag) && !GIT_OBJECT.test(etag)) return null;
  const hash = createHash(SHA256.test(etag) ? "sha256" : "sha1");
  if (GIT_OBJECT.test(etag)) hash.update(`blob ${bytes}\0`);
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Writes an answer's bytes from `start` on; returns the new size. */
async function receive(
  file: RemoteFile,
  handle: FileHandle,
  start: number,
  settings: HubSettings,
  onBytes: (loaded: number) => void,
): Promise<number> {
  const { subject, bytes: total } = file;
  const headers: Record<string, string> = start > 0 ? { range: `bytes=${start}-` } : {};
  const answer = await request(file.url, subject, settings, { headers });
  const { status } = answer.response;
  let place = start;
  if (status === 206) {
    const range = answer.response.headers.get("content-range") ?? "";
    if (!range.startsWith(`bytes ${start}-`)) {
      answer.abort();
      throw unexpected(subject, settings, `range "${quote(range)}" for one from ${start}`);
    }
  } else if (status === 200) place = 0;
  else {
    answer.abort();
    if (status !== 416) throw unexpected(subject, settings, `HTTP ${status}`);
    await handle.truncate(0);
    throw new TransientFailure("the range was refused");
  }
  for await (const piece of pieces(answer, settings)) {
    if (place + piece.length > total)
      throw unexpected(subject, settings, `more than the ${total} bytes that the file has`);
    await handle.write(piece, 0, piece.length, place);
    place += piece.length;
    onBytes(place);
  }
  if (place < total) throw new TransientFailure(`the connection ended ${total - place} bytes early`);
  return place;
}

/** Bytes beyond all that came before that make a try worth repeating; with less, a download might never end. */
const PROGRESS_BYTES = 16_384;

async function complete(
  file: RemoteFile,
  partial: string,
  settings: HubSettings,
  onProgress: DownloadEvents["onProgress"],
): Promise<void> {
  const { subject, bytes: total } = file;
  const retries = new Retries(subject, settings);
  const resumed = await sizeOf(partial).then((size) => (size > total ? 0 : size));
  const report = (loaded: number) => onProgress?.({ file: subject.file, loaded, total, resumed });
  const handle = await open(partial, resumed > 0 ? "r+" : "w");
  try {
    report(resumed);
    let loaded = resumed;
    let furthest = resumed;
    while (loaded < total) {
      const start = loaded;
      try {
        loaded = await receive(file, handle, start, settings, (place) => {
          if (place >= furthest + PROGRESS_BYTES) {
            furthest = place;
            retries.reset();
          }
          loaded = place;
          report(place);
        });
      } catch (error) {
        await retries.wait(error);
        loaded = Math.min(loaded, (await handle.stat()).size);
      }
    }
    await handle.truncate(total);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The renamed file is the blob; another process may have been as fast. */
async function keep(partial: string, cache: RepositoryCache, etag: string): Promise<void> {
  await rename(partial, cache.blobPath(etag)).catch(async (error: unknown) => {
    if (!(await cache.hasBlob(etag))) throw error;
  });
}

/**
 * Downloads a file into the cache unless it is there. Throws `hub/checksum` where the Hub's checksum is not the file's,
 * `hub/unreachable` where the connection keeps failing, and `file/unwritable`.
 */
export async function downloadBlob(
  file: RemoteFile,
  cache: RepositoryCache,
  settings: HubSettings,
  { onProgress, onNotice }: DownloadEvents = {},
): Promise<void> {
  const { etag, bytes, subject } = file;
  const blob = cache.blobPath(etag);
  // Not huggingface_hub's `ETAG.incomplete`, which a Python process may be writing.
  const partial = `${blob}.vitrine.incomplete`;
  await cache.change(async () => {
    await mkdir(dirname(blob), { recursive: true });
    const release = await lockDownload(
      `${blob}.vitrine.lock`,
      () => cache.hasBlob(etag),
      () => onNotice?.(`${quote(subject.file)}: another process downloads it: waiting`),
    );
    if (!release) return;
    try {
      await complete(file, partial, settings, onProgress);
      const found = await checksum(partial, etag, bytes);
      if (found !== null && found !== etag) {
        await rm(partial, { force: true });
        const text =
          `${quote(subject.reference)}: ${quote(subject.file)}: its checksum is ${found}, ${settings.endpoint} states ` +
          `${etag}: it was damaged on its way and has been removed; try again`;
        throw new VitrineError("hub/checksum", text, { details: { file: quote(subject.file), etag, found } });
      }
      await keep(partial, cache, etag);
    } finally {
      await release();
    }
  });
}
