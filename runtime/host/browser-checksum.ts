// Browser checksum: SHA-256 of bytes in a page, and what is expected of it.

import { VitrineError } from "../errors.js";

/** In hexadecimal digits; undefined where the page is not in a secure context, and so has no digests. */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  if (!globalThis.crypto?.subtle) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Repr-Digest (RFC 9530), which some servers send: `sha-256=:BASE64:`. */
export function digestOf({ headers }: Response): string | undefined {
  const [, base64] = /\bsha-256=:([A-Za-z0-9+/]{43}=):/.exec(headers.get("repr-digest") ?? "") ?? [];
  if (base64 === undefined) return undefined;
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

export function wrongSum(url: string, found: string, expected: string): VitrineError {
  const text =
    `${url}: its SHA-256 is ${found}, expected ${expected}: the file was damaged on its way, or was replaced ` +
    "without the checksum";
  return new VitrineError("weights/checksum", text, { details: { url, found, expected } });
}

/**
 * Whether the bytes were compared with the SHA-256, in hexadecimal digits: false where the page has no digests. Throws
 * `weights/checksum`, with `what` as the subject.
 */
export async function compareSum(
  what: string,
  bytes: Uint8Array<ArrayBuffer>,
  expected: string,
): Promise<boolean> {
  const found = await sha256Of(bytes);
  if (found !== undefined && found !== expected) throw wrongSum(what, found, expected);
  return found !== undefined;
}
