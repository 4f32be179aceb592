// Remote URL: where an object of a data set is: https://host/path, s3://bucket/key, gs://bucket/key.

import { displayUrl, isRemote } from "../../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../../runtime/errors.js";

export interface BucketLocation {
  scheme: "s3" | "gs";
  bucket: string;
  /** Without a slash at the start; empty for the whole bucket. */
  key: string;
}

export interface WebLocation {
  scheme: "http" | "https";
  url: URL;
}

export type RemoteLocation = BucketLocation | WebLocation;

/** S3's and Google's rules for names, those of old buckets included. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9]$/;

/** S3's limit on a key, in bytes of UTF-8. */
const LONGEST_KEY = 1024;
const LONGEST_URL = 8192;

function refuse(url: string, what: string): VitrineError {
  const text = `${displayUrl(url)}: ${what}; allowed: https://HOST/PATH, http://HOST/PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX`;
  return new VitrineError("usage/data-url", text);
}

/** Throws `usage/data-url`. A key is taken as it is written: `%20` in s3://bucket/a%20b are three characters. */
export function parseRemote(url: string): RemoteLocation {
  const [, scheme, rest] = /^(\w+):\/\/(.*)$/s.exec(url) ?? [];
  if (!isRemote(url)) throw refuse(url, "no URL of an object store or web server");
  if (url.length > LONGEST_URL)
    throw refuse(url, `a URL of ${url.length.toLocaleString("en-US")} characters`);
  const lower = scheme.toLowerCase();
  if (lower === "s3" || lower === "gs") {
    const slash = rest.indexOf("/");
    const bucket = slash < 0 ? rest : rest.slice(0, slash);
    const key = slash < 0 ? "" : rest.slice(slash + 1);
    if (!BUCKET.test(bucket)) throw refuse(url, "no bucket of that name can exist");
    if (Buffer.byteLength(key) > LONGEST_KEY)
      throw refuse(url, `a key longer than ${LONGEST_KEY.toLocaleString("en-US")} bytes`);
    return { scheme: lower, bucket, key };
  }
  if (!URL.canParse(url)) throw refuse(url, "no valid URL");
  return { scheme: lower as "http" | "https", url: new URL(url) };
}

/**
 * The URL of `path`, which a list or an index at `base` names: relative to the list's folder, or a URL of the same bucket
 * or server. Throws `usage/data-url` for one elsewhere: a list must not choose which hosts are asked.
 */
export function resolveRemote(base: string, path: string): string {
  const from = parseRemote(base);
  if ("bucket" in from) {
    if (isRemote(path)) {
      const to = parseRemote(path);
      if ("bucket" in to && to.scheme === from.scheme && to.bucket === from.bucket) return path;
      throw refuse(path, `a list at ${displayUrl(base)} names an object elsewhere`);
    }
    const folder = from.key.slice(0, from.key.lastIndexOf("/") + 1);
    const key = path.startsWith("/") ? path.slice(1) : normalizeKey(base, folder + path);
    const url = `${from.scheme}://${from.bucket}/${key}`;
    parseRemote(url);
    return url;
  }
  // A name may have the characters that end a path in a URL.
  const to = isRemote(path) ? path : path.split("/").map(encodeSegment).join("/");
  if (!URL.canParse(to, from.url.href)) throw refuse(path, "no valid URL");
  const url = new URL(to, from.url.href);
  if (url.origin !== from.url.origin)
    throw refuse(path, `a list at ${displayUrl(base)} names a file elsewhere`);
  url.username = from.url.username;
  url.password = from.url.password;
  return url.href;
}

/** `%` stays where it begins an escape, since lists of URLs are written so. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(/%25(?=[0-9A-Fa-f]{2})/g, "%");
}

/** "a/../b/./c" → "b/c". A key above the bucket's top is refused. */
function normalizeKey(base: string, key: string): string {
  const parts: string[] = [];
  for (const part of key.split("/")) {
    if (part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw refuse(base, `"${quote(key)}" is above the bucket`);
  }
  return parts.join("/");
}
