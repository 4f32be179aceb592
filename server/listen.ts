// Listen: binds a gRPC server to HOST:PORT or to a unix socket, and says the address that clients can use.

import { existsSync, lstatSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { logVerbosity, type Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { checkAddress, UNIX_ADDRESS } from "../proto/address.js";
import { VitrineError } from "../runtime/errors.js";

export { checkAddress };

/** Resolves to true if somebody accepts connections on the socket file. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
    socket.setTimeout(1000, () => settle(true));
  });
}

/** A server that was killed leaves its socket file, on which the next one could not bind. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket())
    throw new VitrineError(
      "network/cannot-listen",
      `${path} exists and is no socket: choose another --listen`,
      {
        details: { path },
      },
    );
  if (await answers(path)) throw addressInUse(`unix:${path}`);
  rmSync(path, { force: true });
}

function addressInUse(address: string): VitrineError {
  return new VitrineError(
    "network/address-in-use",
    `${address} is in use by another process: stop it, or choose another --listen (port 0 takes a free one)`,
    { details: { address } },
  );
}

/**
 * Binds and starts serving. Returns the address that clients can use, with the real port where 0 was asked for.
 * Throws `network/address-in-use`, `network/cannot-listen`, `usage/address`.
 */
export async function listen(server: Server, address: string): Promise<string> {
  checkAddress(address);
  const socketPath = UNIX_ADDRESS.exec(address)?.[1];
  if (socketPath !== undefined) await removeStaleSocket(socketPath);
  const port = await new Promise<number>((resolve, reject) => {
    // grpc-js writes a line of its own about a failure that we report ourselves.
    setLogVerbosity(logVerbosity.NONE);
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      setLogVerbosity(logVerbosity.ERROR);
      if (!error) return resolve(bound);
      if (/EADDRINUSE/.test(error.message)) return reject(addressInUse(address));
      const text = `cannot listen on ${address}: ${error.message} (see --listen)`;
      reject(new VitrineError("network/cannot-listen", text, { details: { address }, cause: error }));
    });
  });
  return socketPath === undefined ? address.replace(/:\d+$/, `:${port}`) : `unix:${socketPath}`;
}
