// Life of an HTTP request: it ends when the caller closes the connection, and after a time of the server's at the latest.

import type { FastifyReply, FastifyRequest } from "fastify";
import { callerOf } from "../caller.js";
import type { RequestLife } from "../request-life.js";

export function lifeOfRequest(request: FastifyRequest, reply: FastifyReply, timeoutMs: number): RequestLife {
  const controller = new AbortController();
  const abort = () => {
    if (!reply.raw.writableFinished) controller.abort();
  };
  if (request.socket.destroyed) controller.abort();
  else reply.raw.once("close", abort);
  return { deadline: Date.now() + timeoutMs, signal: controller.signal, caller: callerOf(request) };
}
