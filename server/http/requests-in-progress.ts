// Requests in progress: of which the answer has not been sent, and what their connections are used for.

import type { FastifyReply, FastifyRequest } from "fastify";
import { type Activity, peerOf } from "../connections.js";

interface Exchange {
  request: FastifyRequest;
  reply: FastifyReply;
}

export class RequestsInProgress {
  /** By connection: one has one request at a time. */
  readonly #exchanges = new Map<string, Exchange>();
  #idle = () => {};

  begin(request: FastifyRequest, reply: FastifyReply): void {
    const { remoteAddress, remotePort } = request.raw.socket;
    const peer = peerOf(remoteAddress, remotePort);
    const exchange = { request, reply };
    this.#exchanges.set(peer, exchange);
    reply.raw.once("close", () => {
      if (this.#exchanges.get(peer) === exchange) this.#exchanges.delete(peer);
      if (this.#exchanges.size === 0) this.#idle();
    });
  }

  /** A request that has not arrived whole, and an answer that is not read, wait for their client. */
  activityOf(peer: string): Activity {
    const exchange = this.#exchanges.get(peer);
    if (!exchange) return "none";
    const { request, reply } = exchange;
    return request.raw.complete && !reply.raw.writableEnded ? "computing" : "waiting";
  }

  /** Resolves to the number that are left after `ms`. */
  ended(ms: number): Promise<number> {
    if (this.#exchanges.size === 0) return Promise.resolve(0);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(this.#exchanges.size), ms);
      this.#idle = () => {
        clearTimeout(timer);
        resolve(0);
      };
    });
  }
}
