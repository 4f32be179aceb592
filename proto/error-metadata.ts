// Errors on the wire: a VitrineError rides in the trailing metadata beside its gRPC status and is rebuilt on arrival.

import { Metadata, type StatusObject, type status } from "@grpc/grpc-js";
import { type ErrorRecord, fromErrorRecord, toErrorRecord, type VitrineError } from "../runtime/errors.js";

/** Binary metadata: the record as JSON, UTF-8. File names need not be ASCII. */
const KEY = "vitrine-error-bin";

/** gRPC caps a status text at a few kilobytes of headers together; records are shorter than this. */
const MAX_TEXT = 2_000;

/** error, with the status that a client without this key sees → what grpc-js sends. */
export function toStatus(error: unknown, code: status): Pick<StatusObject, "code" | "details" | "metadata"> {
  const record = toErrorRecord(error);
  const short: ErrorRecord = { ...record, message: record.message.slice(0, MAX_TEXT) };
  const metadata = new Metadata();
  metadata.set(KEY, Buffer.from(JSON.stringify(short), "utf8"));
  return { code, details: `${short.code}: ${short.message}`, metadata };
}

/** The error that the other side threw, or null if the failure was the transport's or a foreign server's. */
export function fromStatus(error: { metadata?: Metadata }): VitrineError | null {
  const value = error.metadata?.get(KEY)[0];
  if (!Buffer.isBuffer(value)) return null;
  try {
    const record = JSON.parse(value.toString("utf8")) as Partial<ErrorRecord>;
    if (typeof record.code !== "string" || typeof record.message !== "string") return null;
    return fromErrorRecord({ code: record.code, message: record.message, details: record.details ?? {} });
  } catch {
    return null;
  }
}
