// Listen: binds a gRPC or HTTP server to HOST:PORT or a gRPC server to a unix socket, returns the address that clients
// can use, and says when it is reachable from other machines.

import { existsSync, lstatSync, rmSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { logVerbosity, type Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import {
  checkAddress,
  checkHttpAddress,
  hostOf,
  isLocalAddress,
  portOf,
  UNIX_ADDRESS,
} from "../proto/address.js";
import { VitrineError } from "../runtime/errors.js";
import { type ConnectionLimits, type ListeningSocket, listenForGrpc } from "./connections.js";

/** Resolves to true if a process accepts connections on the socket file. */
function isAccepting(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (accepts: boolean): void => {
      socket.destroy();
      resolve(accepts);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
    socket.setTimeout(1000, () => settle(true));
  });
}

/** A server that was killed leaves its socket file, on which the next one could not bind. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) {
    const text = `${path} exists and is not a socket: choose another --listen`;
    throw new VitrineError("network/cannot-listen", text, { details: { path } });
  }
  if (await isAccepting(path)) throw addressInUse(`unix:${path}`);
  rmSync(path, { force: true });
}

function addressInUse(address: string, cause?: Error, flag = "--listen"): VitrineError {
  return new VitrineError(
    "network/address-in-use",
    `${address} is in use by another process: stop it, or choose another ${flag} (port 0 picks a free port)`,
    { details: { address }, cause },
  );
}

function cannotListen(address: string, cause: Error, flag = "--listen"): VitrineError {
  const text = `cannot listen on ${address}: ${cause.message} (see ${flag})`;
  return new VitrineError("network/cannot-listen", text, { details: { address }, cause });
}

/**
 * Binds and starts serving. Returns the address that clients can use, with the real port where 0 was requested.
 * Throws `network/address-in-use`, `network/cannot-listen`, `usage/address`.
 */
export async function listen(
  server: Server,
  address: string,
  credentials: ServerCredentials = ServerCredentials.createInsecure(),
): Promise<string> {
  const everywhere = withHost(address);
  checkAddress(everywhere);
  const socketPath = UNIX_ADDRESS.exec(address)?.[1];
  if (socketPath !== undefined) await removeStaleSocket(socketPath);
  const bound = await bind(server, everywhere, credentials).catch((error) => {
    // A machine without IPv6 has all interfaces under another name.
    if (everywhere === address || !/EAFNOSUPPORT|EADDRNOTAVAIL/.test(error.message)) throw error;
    return bind(server, EVERY_IPV4_INTERFACE + address, credentials);
  });
  return socketPath === undefined ? bound : `unix:${socketPath}`;
}

/** Resolves to the address with the real port. */
function bind(server: Server, address: string, credentials: ServerCredentials): Promise<string> {
  return new Promise((resolve, reject) => {
    // grpc-js logs a line of its own about a failure that we report ourselves.
    setLogVerbosity(logVerbosity.NONE);
    server.bindAsync(address, credentials, (error, port) => {
      setLogVerbosity(logVerbosity.ERROR);
      if (!error) resolve(address.replace(/:\d+$/, `:${port}`));
      else reject(/EADDRINUSE/.test(error.message) ? addressInUse(address) : cannotListen(address, error));
    });
  });
}

/** An address as `listenGrpc` has it, and the socket. */
export interface GrpcSocket extends ListeningSocket {
  /** The address that clients can use, with the real port. */
  readonly address: string;
}

const EVERY_INTERFACE = "[::]";
const EVERY_IPV4_INTERFACE = "0.0.0.0";

/** `:8001` stands for all interfaces. */
function withHost(address: string): string {
  return /^:\d+$/.test(address) ? EVERY_INTERFACE + address : address;
}

/** Without a host, Node takes all interfaces, also where there is no IPv6. */
function hostAndPort(address: string): { host?: string; port: number } {
  const port = portOf(address);
  return address.startsWith(`${EVERY_INTERFACE}:`) ? { port } : { host: hostOf(address), port };
}

/** As `listen`, with a limit on connections, and a socket that can be closed apart from them. */
export async function listenGrpc(
  server: Server,
  text: string,
  credentials: ServerCredentials,
  limits: ConnectionLimits,
): Promise<GrpcSocket> {
  const address = withHost(text);
  checkAddress(address);
  const path = UNIX_ADDRESS.exec(address)?.[1];
  if (path !== undefined) await removeStaleSocket(path);
  const target = path === undefined ? hostAndPort(address) : { path };
  try {
    const socket = await listenForGrpc(server, target, credentials, limits);
    const bound = path === undefined ? address.replace(/:\d+$/, `:${socket.port}`) : `unix:${path}`;
    return { ...socket, address: bound };
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    throw (cause.code === "EADDRINUSE" ? addressInUse : cannotListen)(address, cause);
  }
}

/**
 * The same over HTTP: returns `http://HOST:PORT`. A unix socket throws `usage/address`. Errors name `flag`.
 */
export async function listenHttp(server: HttpServer, text: string, flag = "--listen"): Promise<string> {
  const address = withHost(text);
  checkHttpAddress(address, flag);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject((error.code === "EADDRINUSE" ? addressInUse : cannotListen)(address, error, flag)),
    );
    server.listen(hostAndPort(address), resolve);
  });
  return `http://${address.replace(/:\d+$/, `:${(server.address() as AddressInfo).port}`)}`;
}

/** What protects a server. */
export interface Protection {
  tls: boolean;
  /** Callers show a certificate or a token. */
  asksWhoCalls: boolean;
}

/**
 * A line of warning where `address` (HOST:PORT or `http://HOST:PORT`) is reachable from other machines, else
 * undefined, also where callers are asked who they are. `access` completes "anyone who can reach it can …". Without
 * `protection`, the server is one that cannot speak TLS itself.
 */
export function exposureWarning(
  address: string,
  access: string,
  protection?: Protection,
): string | undefined {
  const bare = address.replace(/^http:\/\//, "");
  if (isLocalAddress(bare) || protection?.asksWhoCalls) return undefined;
  if (protection?.tls)
    return (
      `warning: ${bare} is reachable from other machines, without authentication: anyone who can reach it can ` +
      `${access}. Ask for a token (--token-file) or for client certificates (--tls-client-ca)`
    );
  const remedy = protection
    ? "or TLS and a token (--tls-cert, --tls-key, --token-file)"
    : "or put a proxy with TLS in front";
  return (
    `warning: ${bare} is reachable from other machines, without TLS or authentication: anyone who can reach it can ` +
    `${access}. Use --listen 127.0.0.1:${portOf(bare)}, ${remedy}`
  );
}
