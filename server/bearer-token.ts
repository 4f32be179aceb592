// Bearer token: who may call a server. The tokens are in a file, one a line, so that a new one can be added before
// the old one is taken out.

import { createHash, timingSafeEqual } from "node:crypto";
import { isToken, tokenLines, tokenOfHeader } from "../proto/bearer-token.js";
import { isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { LARGEST_TEXT, readWholeFileSync } from "../runtime/host/node-files.js";
import { fileStamp } from "./file-stamp.js";

export interface BearerToken {
  /** A name of the caller's token, which does not tell it, if the header `authorization` has one of the tokens. */
  match(authorization: string | undefined): string | undefined;
}

/** The error for a caller whose token is missing or unknown. */
export function unauthenticated(authorization: string | undefined): VitrineError {
  const text =
    tokenOfHeader(authorization ?? "") === undefined
      ? "the server asks for a token: send `authorization: Bearer TOKEN` (--token-file of vitrine's commands)"
      : "the server does not accept the token";
  return new VitrineError("network/unauthenticated", text);
}

/** The file is looked at again when a call comes this much later. */
const LOOK_MS = 5_000;

/** Shorter ones can be guessed. */
const MIN_LENGTH = 16;

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();

function readDigests(file: string): Buffer[] {
  const tokens = tokenLines(readWholeFileSync(file, LARGEST_TEXT)).filter((line) => line !== "");
  const isLongEnough = (text: string): boolean => text.length >= MIN_LENGTH;
  if (tokens.length > 0 && tokens.every(isToken) && tokens.every(isLongEnough)) return tokens.map(digestOf);
  throw new VitrineError(
    "usage/tls",
    `${quote(file)}: allowed: tokens of at least ${MIN_LENGTH} printable ASCII characters, one a line ` +
      "(openssl rand -hex 32 makes one)",
    { details: { file } },
  );
}

/** The time of the comparison does not depend on the tokens: all of their digests are compared whole. */
function isOneOf(digests: readonly Buffer[], digest: Buffer): boolean {
  let found = false;
  for (const one of digests) if (timingSafeEqual(one, digest)) found = true;
  return found;
}

/**
 * A file that is removed revokes its tokens; one that cannot be read, or has other things in it, changes nothing. `say`
 * gets a line about each. Throws `usage/tls`, `file/not-found`, `file/unreadable`.
 */
export function openBearerToken(file: string, say: (text: string) => void, lookMs = LOOK_MS): BearerToken {
  let stamp = fileStamp(file);
  let digests = readDigests(file);
  let looked = performance.now();
  const look = (): void => {
    if (performance.now() - looked < lookMs) return;
    looked = performance.now();
    const current = fileStamp(file);
    if (current === stamp) return;
    stamp = current;
    try {
      digests = readDigests(file);
      say(`the changed tokens of ${quote(file)} are used for new calls`);
    } catch (error) {
      if (isVitrineError(error) && error.code === "file/not-found") {
        digests = [];
        say(`${quote(file)} is gone: no token is accepted until it is there again`);
        return;
      }
      say(`the changed tokens are not used: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return {
    match(authorization) {
      look();
      const token = tokenOfHeader(authorization ?? "");
      const digest = token === undefined ? undefined : digestOf(token);
      return digest && isOneOf(digests, digest) ? digest.toString("hex") : undefined;
    },
  };
}
