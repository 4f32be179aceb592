// Address: HOST:PORT or unix:PATH, where servers listen and clients connect.

import { quote, VitrineError } from "../runtime/errors.js";

/** The first group is the socket's path. */
export const UNIX_ADDRESS = /^unix:(?:\/\/)?(.+)$/;

const HOST_PORT = /^(\[[0-9a-fA-F:.%]+\]|[^:/\s]+):(\d{1,5})$/;

/** Host of HOST:PORT, an IPv6 address without its brackets. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

/** Port of HOST:PORT. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/** Whether only processes of this machine can be at the other end of unix:PATH or HOST:PORT. */
export function isLocalAddress(address: string): boolean {
  return UNIX_ADDRESS.test(address) || LOOPBACK.test(hostOf(address));
}

const DNS = /^dns:\/{3}([^/\s]+)$/;

/** `dns:///NAME:PORT` → `NAME:PORT`, of which every address is meant; undefined for any other text. */
export function dnsTarget(address: string): string | undefined {
  return DNS.exec(address)?.[1];
}

/** Commas separate addresses, each HOST:PORT, unix:PATH or dns:///NAME:PORT. Throws `usage/address`, naming `flag`. */
export function parseAddresses(text: string, flag: string): string[] {
  const addresses = text.split(",").map((part) => part.trim());
  for (const address of addresses) checkAddress(dnsTarget(address) ?? address, flag);
  return [...new Set(addresses)];
}

function refuse(address: string, flag: string, orElse: string): VitrineError {
  const example = /^\d{1,5}$/.test(address) ? `, such as 127.0.0.1:${address}` : "";
  const text = `${flag} got "${quote(address)}"; allowed: HOST:PORT with a port from 0 to 65535${example}${orElse}`;
  return new VitrineError("usage/address", text, { details: { flag, got: address } });
}

function isHostPort(address: string): boolean {
  const match = HOST_PORT.exec(address);
  return match !== null && Number(match[2]) <= 65_535;
}

/** Port 0 asks the system for a free one. Throws `usage/address`, naming `flag`. */
export function checkAddress(address: string, flag = "--listen"): void {
  if (!UNIX_ADDRESS.test(address) && !isHostPort(address)) throw refuse(address, flag, ", or unix:PATH");
}

/** The same for HTTP, which browsers and Prometheus cannot speak over a unix socket. */
export function checkHttpAddress(address: string, flag: string): void {
  if (!isHostPort(address)) throw refuse(address, flag, " (HTTP needs a port)");
}
