// Connections: the limit on the connections of a server, and the listening socket of a gRPC server that has it. grpc-js has
// no limit of its own, and binds sockets that cannot be closed apart from their connections; it takes accepted sockets as
// well.
//
// At the limit, a new connection takes the place of the oldest one without a call, of the address that has most
// connections: a client that opens thousands of connections competes with itself alone. Where all of them have calls,
// it takes the place of one whose calls wait for their client, such as a request that is not sent to its end: otherwise
// a client could keep every place for nothing. Where all of them compute, a client that has fewer than its share of the
// places takes that of the newest connection of the one that has most.
//
// A connection whose peer sent a frame longer than HTTP/2 allows is never closed by Node (20 to 24): it goes when it
// gives its place to another, or at the idle timeout.

import { createServer, type Socket } from "node:net";
import type { Server, ServerCredentials } from "@grpc/grpc-js";
import { clientOfAddress } from "./rate-limit.js";

/** `waiting`: it has calls, but no request that the server has received and not answered. `computing`: it has one. */
export type Activity = "none" | "waiting" | "computing";

export interface ConnectionLimits {
  /** Connections at a time. */
  maxConnections: number;
  /** What the connection from `peer` (`peerOf`) is used for. */
  activityOf(peer: string): Activity;
}

export interface ListeningSocket {
  /** The port that was bound; 0 for a unix socket. */
  readonly port: number;
  connections(): number;
  /** Connections that were closed or not accepted because of the limit. */
  turnedAway(): number;
  /** Sends GOAWAY on every connection: its calls end, and the client makes its next ones on another connection. */
  goAway(): void;
  /** New connections are refused; those there are stay. */
  stopAccepting(): void;
}

/** How a call and its connection are matched. */
export function peerOf(address: string | undefined, port: number | undefined): string {
  return `${address} ${port}`;
}

/** The injector would destroy connections later; here that is the server's decision. The longest time of a timer. */
const NEVER_MS = 2 ** 31 - 1;

interface Connection {
  socket: Socket;
  address: string;
  peer: string;
}

/** The connections of a listening socket, of which a newcomer at the limit replaces one. */
export class Connections {
  readonly #limits: ConnectionLimits;
  /** In the order in which they came. */
  readonly #byAddress = new Map<string, Set<Connection>>();
  #count = 0;
  turnedAway = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether the connection may stay. */
  add(socket: Socket): boolean {
    const { remoteAddress = "", remotePort } = socket;
    const address = clientOfAddress(remoteAddress);
    const connection: Connection = { socket, address, peer: peerOf(remoteAddress, remotePort) };
    if (this.#count >= this.#limits.maxConnections) {
      this.turnedAway++;
      const leaving = this.#idleOfGreediest(address) ?? this.#aboveShare(address);
      if (!leaving) return false;
      this.#remove(leaving);
      leaving.socket.destroy();
    }
    const same = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, same.add(connection));
    this.#count++;
    socket.once("close", () => this.#remove(connection));
    return true;
  }

  #remove(connection: Connection): void {
    const same = this.#byAddress.get(connection.address);
    if (!same?.delete(connection)) return;
    this.#count--;
    if (same.size === 0) this.#byAddress.delete(connection.address);
  }

  /**
   * Of the address with most connections, if `newcomer` has not as many: the oldest one without a call, else the oldest
   * whose calls wait for their client.
   */
  #idleOfGreediest(newcomer: string): Connection | undefined {
    const groups = [...this.#byAddress.values()].sort((a, b) => b.size - a.size);
    const own = this.#byAddress.get(newcomer)?.size ?? 0;
    for (const group of groups) {
      if (group.size < own) break;
      let waiting: Connection | undefined;
      for (const connection of group) {
        const activity = this.#limits.activityOf(connection.peer);
        if (activity === "none") return connection;
        if (activity === "waiting") waiting ??= connection;
      }
      if (waiting) return waiting;
    }
    return undefined;
  }

  /** The newest connection of the address with most, where that is more than an equal share and `newcomer` has less. */
  #aboveShare(newcomer: string): Connection | undefined {
    const own = this.#byAddress.get(newcomer)?.size ?? 0;
    const addresses = this.#byAddress.size + (own === 0 ? 1 : 0);
    const share = Math.floor(this.#limits.maxConnections / addresses);
    const groups = [...this.#byAddress.values()].filter(({ size }) => size > share);
    const greediest = groups.reduce<Set<Connection> | undefined>(
      (most, group) => (most && most.size >= group.size ? most : group),
      undefined,
    );
    return own < share && greediest ? [...greediest].at(-1) : undefined;
  }
}

/** Where to listen: a port of a host, by default of all interfaces, or the path of a unix socket. */
export type ListenTarget = { host?: string; port: number } | { path: string };

/** Rejects with the error of the operating system. */
export function listenForGrpc(
  server: Server,
  target: ListenTarget,
  credentials: ServerCredentials,
  limits: ConnectionLimits,
): Promise<ListeningSocket> {
  const injector = server.createConnectionInjector(credentials);
  const connections = new Connections(limits);
  const listener = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    if (connections.add(socket)) injector.injectConnection(socket);
    else socket.destroy();
  });
  return new Promise((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(target, () => {
      listener.off("error", reject);
      // EMFILE and the like: the connection is lost, the server is not.
      listener.on("error", () => {});
      const bound = listener.address();
      resolve({
        port: typeof bound === "object" && bound ? bound.port : 0,
        connections: () => connections.count,
        turnedAway: () => connections.turnedAway,
        goAway: () => injector.drain(NEVER_MS),
        stopAccepting: () => void listener.close(),
      });
    });
  });
}
