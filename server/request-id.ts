// Request id: by which the lines of a log, and the logs of several services, are found to be about the same request.

import { randomUUID } from "node:crypto";

/** Header of HTTP, and key of gRPC metadata. */
export const REQUEST_ID = "x-request-id";

/** What other services use as ids; nothing that could break a log line or a header. */
const ID = /^[\w.:/+=@-]{1,128}$/;

/** The caller's id, or a random one where it sent none that can be used. */
export function requestIdOf(header: unknown): string {
  return typeof header === "string" && ID.test(header) ? header : randomUUID();
}
