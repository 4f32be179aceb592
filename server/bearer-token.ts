// Bearer token: who may call a gRPC server. The tokens are in a file, one a line, so that a new one can be added before
// the old one is taken out.

import { createHash, timingSafeEqual } from "node:crypto";
import type { Metadata, MethodDefinition, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";
import { isToken, TOKEN_HEADER, tokenLines, tokenOfHeader } from "../proto/bearer-token.js";
import { type Service, toStatus } from "../proto/wire-error.js";
import { quote, VitrineError } from "../runtime/errors.js";
import { LARGEST_TEXT, readWholeFileSync } from "../runtime/host/node-files.js";
import { fileStamp } from "./file-stamp.js";

export interface BearerToken {
  /** Throws `network/unauthenticated` unless the call has one of the tokens. */
  require(metadata: Metadata): void;
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
function isOneOf(digests: readonly Buffer[], token: string): boolean {
  const digest = digestOf(token);
  let found = false;
  for (const one of digests) if (timingSafeEqual(one, digest)) found = true;
  return found;
}

/** `say` gets a line when a changed file is used, or why it is not. Throws `usage/tls`, `file/not-found`, `file/unreadable`. */
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
      say(`the changed tokens are not used: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return {
    require(metadata) {
      look();
      const [header = ""] = metadata.get(TOKEN_HEADER);
      const token = tokenOfHeader(String(header));
      if (token === undefined)
        throw new VitrineError("network/unauthenticated", "the server asks for a token: give --token-file");
      if (!isOneOf(digests, token))
        throw new VitrineError(
          "network/unauthenticated",
          "the server does not accept the token of --token-file",
        );
    },
  };
}

type Handler = (
  call: { metadata: Metadata; emit(event: "error", status: unknown): boolean },
  ...rest: never[]
) => void;

/** The same service, which refuses calls without a token. */
export function withToken(
  definition: Record<string, Pick<MethodDefinition<never, never>, "responseStream">>,
  implementation: UntypedServiceImplementation,
  token: BearerToken | null,
  service: Service,
): UntypedServiceImplementation {
  if (token === null) return implementation;
  const guarded = Object.entries(implementation).map(([name, handler]): [string, Handler] => [
    name,
    (call, ...rest) => {
      try {
        token.require(call.metadata);
      } catch (error) {
        const status = toStatus(error, service);
        if (definition[name].responseStream) call.emit("error", status);
        else (rest[0] as sendUnaryData<never>)(status);
        return;
      }
      (handler as Handler)(call, ...rest);
    },
  ]);
  return Object.fromEntries(guarded) as unknown as UntypedServiceImplementation;
}
