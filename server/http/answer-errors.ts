// Errors over HTTP: every failure, ours, fastify's or the HTTP parser's, leaves as `{"error": "code: text"}` with the
// status of its code.

import type { Socket } from "node:net";
import type { FastifyError } from "fastify";
import { httpStatusOf } from "../../proto/http-status.js";
import {
  escapeControls,
  fitText,
  isVitrineError,
  quote,
  toErrorRecord,
  VitrineError,
} from "../../runtime/errors.js";
import { bodyTooLarge } from "./body.js";

export interface ErrorAnswer {
  status: number;
  headers: Record<string, string>;
  body: { error: string };
}

const MAX_TEXT_BYTES = 4096;

/** Seconds after which to try again where an error does not say. */
const RETRY_AFTER = 1;

/** An error of fastify → one of ours; others are returned as they are. */
function ownError(error: unknown, bodyLimit: number): unknown {
  if (isVitrineError(error) || !(error instanceof Error)) return error;
  const { code, statusCode } = error as FastifyError;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return bodyTooLarge(bodyLimit);
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE")
    return new VitrineError("protocol/media-type", "the Content-Type cannot be read; see /openapi.json");
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new VitrineError("protocol/malformed", `the request cannot be read: ${quote(error.message)}`);
  return error;
}

/** Problems that ajv found, such as `/inputs/0/shape must be array`. */
export function describeProblems(
  problems: readonly { instancePath?: string; message?: string; params?: unknown }[],
): string {
  const texts = problems.slice(0, 3).map(({ instancePath = "", message = "is not valid", params }) => {
    const extra = (params as { additionalProperty?: string } | undefined)?.additionalProperty;
    const name = extra === undefined ? "" : ` ("${quote(extra)}")`;
    return `${quote(instancePath)} ${message}${name}`.trim();
  });
  return fitText(texts.join("; "), MAX_TEXT_BYTES);
}

export function errorAnswer(error: unknown, bodyLimit: number): ErrorAnswer {
  const own = ownError(error, bodyLimit);
  const { code, message, details } = toErrorRecord(own);
  const status = httpStatusOf(own);
  const headers: Record<string, string> = {};
  if (status === 503 || status === 429) {
    const { retryAfterMs } = details;
    const seconds = typeof retryAfterMs === "number" ? Math.ceil(retryAfterMs / 1000) : RETRY_AFTER;
    headers["retry-after"] = String(Math.max(seconds, 1));
  }
  if (status === 401) headers["www-authenticate"] = "Bearer";
  const text = `${code}: ${escapeControls(fitText(message, MAX_TEXT_BYTES))}`;
  return { status, headers, body: { error: text } };
}

/** Of Node's errors about a connection whose request could not be read. */
const PARSER_STATUS: Readonly<Record<string, readonly [status: number, reason: string, text: string]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    "Request Header Fields Too Large",
    "the request's headers are larger than the server accepts",
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout", "the request did not arrive in time"],
};
const BAD_REQUEST = [400, "Bad Request", "the request is not valid HTTP/1.1"] as const;

/** Answers where the request's headers could not even be read, and closes the connection. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, reason, text] = PARSER_STATUS[error.code ?? ""] ?? BAD_REQUEST;
  const body = JSON.stringify({ error: `protocol/malformed: ${text}` });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}
