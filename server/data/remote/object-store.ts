// Object store: what a data set needs of a place that keeps objects under URLs: facts, a list, whole small objects, and
// ranges of an object that is still the one that was listed.

import { displayUrl } from "../../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { fileChanged } from "../sample-location.js";
import type { ByteRange, ObjectVersion } from "./contract.js";

export interface ListedObject extends ObjectVersion {
  url: string;
}

export interface ObjectStore {
  /** Throws `file/not-found`, `network/forbidden`, `network/unreachable`, `network/http`. */
  version(url: string, signal?: AbortSignal): Promise<ObjectVersion>;
  /**
   * Objects whose URLs start with `prefix`, by key. A web server has no list that programs can read: `usage/data-url`.
   */
  list(prefix: string, signal?: AbortSignal): AsyncGenerator<ListedObject>;
  /**
   * Exactly `range.length` bytes, an array of their own. Throws what `version` throws, `data/file-changed` where the
   * object is not `version`, and `network/range` where the answer is not the range.
   */
  read(
    url: string,
    range: ByteRange,
    version: ObjectVersion,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** A whole object of at most `most` bytes, with what it was. Throws `file/unreadable` above. */
  readWhole(
    url: string,
    most: number,
    signal?: AbortSignal,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; version: ObjectVersion }>;
}

/** Of an answer's head. */
export interface AnswerHead {
  status: number;
  etag?: string | undefined;
  lastModified?: string | undefined;
  contentRange?: string | undefined;
}

/** "bytes 0-99/1000", as numbers; undefined for anything else. */
function parseContentRange(
  header: string | undefined,
): { first: number; last: number; total: number } | undefined {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header?.trim() ?? "") ?? [];
  return first === undefined ? undefined : { first: Number(first), last: Number(last), total: Number(total) };
}

const count = (bytes: number): string => bytes.toLocaleString("en-US");

export function changed(url: string, what: string): VitrineError {
  return fileChanged(displayUrl(url), displayUrl(url), what);
}

export function wrongRange(url: string, what: string): VitrineError {
  const text =
    `${displayUrl(url)}: ${what}: the server, or a proxy before it, does not send parts of files (HTTP ranges); ` +
    "serve the data set from one that does, or copy it here";
  return new VitrineError("network/range", text);
}

/** Throws `data/file-changed` where an answer is about another object than `version`. */
function requireVersion(url: string, version: ObjectVersion, head: AnswerHead, total: number): void {
  if (total !== version.bytes)
    throw changed(url, `it had ${count(version.bytes)} bytes, now ${count(total)}`);
  if (version.etag !== undefined && head.etag !== undefined && head.etag !== version.etag)
    throw changed(url, `its ETag was ${quote(version.etag)}, now ${quote(head.etag)}`);
  const { modifiedMs } = version;
  if (version.etag !== undefined || modifiedMs === undefined || head.lastModified === undefined) return;
  const found = Date.parse(head.lastModified);
  if (found !== modifiedMs)
    throw changed(
      url,
      `it was modified at ${new Date(modifiedMs).toISOString()}, now ${quote(head.lastModified)}`,
    );
}

/**
 * Throws where the head of an answer 206, or 200, is not that of `range` of the object `version`. The whole object is an
 * answer to a request for all of it.
 */
export function checkRangeHead(
  url: string,
  range: ByteRange,
  version: ObjectVersion,
  head: AnswerHead,
): void {
  const { offset, length } = range;
  if (head.status === 200) {
    if (offset !== 0 || length !== version.bytes)
      throw wrongRange(url, `asked for ${count(length)} bytes of ${count(version.bytes)}, it sent all`);
    requireVersion(url, version, head, version.bytes);
    return;
  }
  const found = parseContentRange(head.contentRange);
  if (!found) throw wrongRange(url, `its Content-Range is "${quote(head.contentRange ?? "")}"`);
  requireVersion(url, version, head, found.total);
  if (found.first !== offset || found.last !== offset + length - 1)
    throw wrongRange(
      url,
      `asked for bytes ${offset} to ${offset + length - 1}, it sent ${found.first} to ${found.last}`,
    );
}

/** What an S3 store calls a bucket that it does not have. */
const NO_BUCKET = "NoSuchBucket";

/** The errors of statuses that another try does not change. */
export function statusError(url: string, status: number, reason = ""): VitrineError {
  const name = displayUrl(url);
  const details = { status };
  const shown = reason === "" ? `HTTP ${status}` : `HTTP ${status}, ${quote(reason)}`;
  if (status === 404 || status === 410) {
    const isBucket = reason === NO_BUCKET;
    return new VitrineError(
      "file/not-found",
      `${name}: no such ${isBucket ? "bucket" : "object"} (${shown})`,
      {
        details: { ...details, path: name, isBucket },
      },
    );
  }
  if (status === 401 || status === 403)
    return new VitrineError(
      "network/forbidden",
      `${name}: access is refused (${shown}): check the credentials, and what they allow`,
      { details },
    );
  return new VitrineError("network/http", `${name}: an answer that was not expected (${shown})`, { details });
}

export function tooLarge(url: string, found: string, most: number): VitrineError {
  const text = `${displayUrl(url)}: ${found}; allowed: an object of at most ${count(most)} bytes`;
  return new VitrineError("file/unreadable", text, { details: { path: displayUrl(url), limit: most } });
}

/** What an answer says of its object. A weak ETag is compared as well. */
export function versionOf(head: AnswerHead, bytes: number): ObjectVersion {
  const modifiedMs = head.lastModified === undefined ? Number.NaN : Date.parse(head.lastModified);
  return {
    bytes,
    ...(head.etag !== undefined && { etag: head.etag }),
    ...(Number.isFinite(modifiedMs) && { modifiedMs }),
  };
}
