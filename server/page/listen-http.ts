// Listen, over HTTP: binds to HOST:PORT and says the address that a browser can open.

import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { VitrineError } from "../../runtime/errors.js";
import { checkAddress } from "../listen.js";

/** Throws `usage/address`, `network/address-in-use` or `network/cannot-listen`. */
export async function listenHttp(server: Server, address: string): Promise<string> {
  checkAddress(address);
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon);
  if (host.startsWith("unix")) {
    const text = `--listen got "${address}"; a browser needs HOST:PORT`;
    throw new VitrineError("usage/address", text, { details: { got: address } });
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
    server.listen(Number(address.slice(colon + 1)), host.replace(/^\[|\]$/g, ""), resolve);
  });
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

function listenError(address: string, cause: NodeJS.ErrnoException): VitrineError {
  const details = { address };
  if (cause.code === "EADDRINUSE") {
    const text = `${address} is in use by another process: stop it, or choose another --listen (port 0 takes a free one)`;
    return new VitrineError("network/address-in-use", text, { details, cause });
  }
  const text = `cannot listen on ${address}: ${cause.message} (see --listen)`;
  return new VitrineError("network/cannot-listen", text, { details, cause });
}
