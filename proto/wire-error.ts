// An error on the wire: the gRPC status it travels under, its text and record cut to fit the trailers, and back.

import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import {
  type ErrorCode,
  type ErrorDetails,
  type ErrorRecord,
  escapeControls,
  fromErrorRecord,
  isVitrineError,
  quote,
  toErrorRecord,
  VitrineError,
} from "../runtime/errors.js";

/** The services whose calls end with an error of ours. */
export type Service = "data" | "inference" | "collective";

type Namespace = ErrorCode extends `${infer Name}/${string}` ? Name : never;

/** Namespace of a code → status. What the caller can change is INVALID_ARGUMENT; all else is the server's fault. */
const STATUS_OF_NAMESPACE: Readonly<Record<Namespace, status>> = {
  usage: status.INVALID_ARGUMENT,
  protocol: status.INVALID_ARGUMENT,
  jpeg: status.INVALID_ARGUMENT,
  image: status.INVALID_ARGUMENT,
  data: status.INVALID_ARGUMENT,
  file: status.INTERNAL,
  model: status.INTERNAL,
  weights: status.INTERNAL,
  export: status.INTERNAL,
  graph: status.INTERNAL,
  device: status.INTERNAL,
  training: status.INTERNAL,
  checkpoint: status.INTERNAL,
  network: status.UNAVAILABLE,
  collective: status.UNAVAILABLE,
  hub: status.INTERNAL,
  internal: status.INTERNAL,
};

/** Codes that mean something else than the rest of their namespace. */
const STATUS_OF_CODE: Partial<Record<ErrorCode, status>> = {
  "protocol/unknown-model": status.NOT_FOUND,
  "protocol/unknown-service": status.NOT_FOUND,
  "protocol/unimplemented": status.UNIMPLEMENTED,
  "protocol/message-size": status.RESOURCE_EXHAUSTED,
  "protocol/model-control": status.FAILED_PRECONDITION,
  "network/queue-full": status.RESOURCE_EXHAUSTED,
  "network/overloaded": status.RESOURCE_EXHAUSTED,
  "network/resource-exhausted": status.RESOURCE_EXHAUSTED,
  "network/deadline": status.DEADLINE_EXCEEDED,
  "network/canceled": status.CANCELLED,
  "network/unauthenticated": status.UNAUTHENTICATED,
  "network/not-allowed": status.PERMISSION_DENIED,
  "network/rate-limited": status.RESOURCE_EXHAUSTED,
  "device/lost": status.UNAVAILABLE,
  "device/unavailable": status.UNAVAILABLE,
  "data/fingerprint-changed": status.FAILED_PRECONDITION,
  "data/file-changed": status.DATA_LOSS,
  "data/worker-died": status.INTERNAL,
  "data/decode-timeout": status.INTERNAL,
  "data/opening": status.UNAVAILABLE,
  "data/server-full": status.RESOURCE_EXHAUSTED,
  "collective/facts": status.FAILED_PRECONDITION,
  "collective/mismatch": status.FAILED_PRECONDITION,
  "collective/state": status.DATA_LOSS,
  "collective/timeout": status.DEADLINE_EXCEEDED,
  "collective/world": status.FAILED_PRECONDITION,
};

/** A picture comes from the caller of an inference, but from the data server's own disk. */
const STATUS_IN_SERVICE: Readonly<Record<Service, Partial<Record<Namespace, status>>>> = {
  data: { jpeg: status.DATA_LOSS, image: status.DATA_LOSS, file: status.DATA_LOSS },
  inference: {},
  collective: {},
};

/** error → the status that a call of `service` ends with, for clients that do not know our codes. */
export function statusOf(error: unknown, service: Service): status {
  if (!isVitrineError(error)) return status.INTERNAL;
  const namespace = error.code.split("/")[0] as Namespace;
  return (
    STATUS_OF_CODE[error.code] ??
    STATUS_IN_SERVICE[service][namespace] ??
    STATUS_OF_NAMESPACE[namespace] ??
    status.INTERNAL
  );
}

/** Binary metadata: the record as JSON, UTF-8. File names need not be ASCII. */
const KEY = "vitrine-error-bin";

/** Milliseconds after which a client may try again (gRPC A6). */
const PUSHBACK = "grpc-retry-pushback-ms";

/**
 * Bytes of status text and record together, as they are sent. Most clients take 8 KiB of trailers and turn more into
 * RESOURCE_EXHAUSTED or no status at all; a kilobyte is left for the other trailers.
 */
const MAX_TRAILER_BYTES = 7 * 1024;

/** Characters kept of each detail where the whole record does not fit. */
const MAX_DETAIL = 200;

/** Bytes of the header `grpc-message`: grpc-js percent-encodes it, three bytes for each byte that is not ASCII. */
function percentEncodedBytes(text: string): number {
  return encodeURI(text).length;
}

/** Bytes of a `-bin` header: base64. */
function base64Bytes(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

function shortDetails(details: ErrorDetails): ErrorDetails {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [
      name,
      typeof value === "string" ? [...value.slice(0, 2 * MAX_DETAIL)].slice(0, MAX_DETAIL).join("") : value,
    ]),
  );
}

interface Encoded {
  text: string;
  record: Buffer;
}

function encode(record: ErrorRecord): Encoded {
  return {
    text: `${record.code}: ${record.message}`,
    record: Buffer.from(JSON.stringify(record), "utf8"),
  };
}

function fits({ text, record }: Encoded): boolean {
  return percentEncodedBytes(text) + base64Bytes(record.length) <= MAX_TRAILER_BYTES;
}

/** The whole record, or its details cut and the longest start of its message that fits. */
function encodeToFit(record: ErrorRecord): Encoded {
  const whole = encode(record);
  if (fits(whole)) return whole;
  const short = { ...record, details: shortDetails(record.details) };
  const details = fits(encode({ ...short, message: "…" })) ? short.details : {};
  const uncut = encode({ ...record, details });
  if (fits(uncut)) return uncut;
  const characters = [...record.message];
  const cutAt = (length: number) =>
    encode({ ...record, details, message: `${characters.slice(0, length).join("")}…` });
  let longest = 0;
  for (let tooLong = characters.length; tooLong - longest > 1; ) {
    const middle = (longest + tooLong) >> 1;
    if (fits(cutAt(middle))) longest = middle;
    else tooLong = middle;
  }
  return cutAt(longest);
}

/**
 * error → what grpc-js sends: a status, the text that starts with our code, and the record for our own clients. Control
 * characters are escaped, and so are lone surrogates, on which grpc-js would throw.
 */
export function toStatus(
  error: unknown,
  service: Service,
): Pick<StatusObject, "code" | "details" | "metadata"> {
  const record = toErrorRecord(error);
  const encoded = encodeToFit({
    code: record.code,
    // A longer message is cut again below, to fewer characters.
    message: escapeControls(record.message.slice(0, MAX_TRAILER_BYTES)),
    details: record.details,
  });
  const metadata = new Metadata();
  metadata.set(KEY, encoded.record);
  const { retryAfterMs } = record.details;
  // The client's policy of retries waits as long; grpc-js and other clients honor it.
  if (typeof retryAfterMs === "number") metadata.set(PUSHBACK, String(Math.max(0, Math.ceil(retryAfterMs))));
  return { code: statusOf(error, service), details: encoded.text, metadata };
}

/** The error that the other side threw, or null if the failure was the transport's or a foreign server's. */
export function fromStatus(error: { metadata?: Metadata }): VitrineError | null {
  const value = error.metadata?.get(KEY)[0];
  if (!Buffer.isBuffer(value)) return null;
  try {
    const record = JSON.parse(value.toString("utf8")) as Partial<ErrorRecord>;
    if (typeof record.code !== "string" || typeof record.message !== "string") return null;
    const { code, message, details = {} } = record as ErrorRecord;
    return fromErrorRecord({ code, message: escapeControls(message), details });
  } catch {
    return null;
  }
}

/** Codes for statuses that grpc-js or a foreign server set. */
const CODE_OF_STATUS: Partial<Record<status, ErrorCode>> = {
  [status.CANCELLED]: "network/canceled",
  [status.INVALID_ARGUMENT]: "protocol/invalid-argument",
  [status.DEADLINE_EXCEEDED]: "network/deadline",
  [status.NOT_FOUND]: "protocol/not-found",
  [status.UNAUTHENTICATED]: "network/unauthenticated",
  [status.PERMISSION_DENIED]: "network/not-allowed",
  [status.RESOURCE_EXHAUSTED]: "network/resource-exhausted",
  [status.FAILED_PRECONDITION]: "protocol/failed-precondition",
  [status.UNIMPLEMENTED]: "protocol/unimplemented",
  [status.INTERNAL]: "network/internal",
  [status.UNAVAILABLE]: "network/unavailable",
};

/** A status without a record of ours → error; `server` is the server's address. */
export function errorOfStatus(code: status, text: string, server: string): VitrineError {
  return new VitrineError(CODE_OF_STATUS[code] ?? "network/failed", `${server}: ${quote(text)}`, {
    details: { status: status[code] ?? String(code), server },
  });
}
