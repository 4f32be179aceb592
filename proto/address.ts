// Address: HOST:PORT or unix:PATH, where servers listen and clients connect.

import { quote, VitrineError } from "../runtime/errors.js";

/** The first group is the socket's path. */
export const UNIX_ADDRESS = /^unix:(?:\/\/)?(.+)$/;

const HOST_PORT = /^(\[[0-9a-fA-F:.%]+\]|[^:/\s]+):(\d{1,5})$/;

/** Port 0 asks the system for a free one. Throws `usage/address`, naming `flag`. */
export function checkAddress(address: string, flag = "--listen"): void {
  if (UNIX_ADDRESS.test(address)) return;
  const match = HOST_PORT.exec(address);
  if (match && Number(match[2]) <= 65_535) return;
  throw new VitrineError(
    "usage/address",
    `${flag} got "${quote(address)}"; allowed: HOST:PORT with a port from 0 to 65535, or unix:PATH`,
    { details: { flag, got: address } },
  );
}
