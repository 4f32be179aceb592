// Packages of the peers. They are in bench/peers/node_modules, which `npm ci` of the project never fills;
// `npm ci --prefix bench/peers` does.

import { createRequire } from "node:module";
import { dirname } from "node:path";

/** This file runs in dist/bench/peers/; the manifest is in bench/peers/. */
const peerRequire = createRequire(new URL("../../../bench/peers/package.json", import.meta.url));

/** The package, typed as the part of its interface that the caller uses. */
export function requirePeer<T>(name: string): T {
  try {
    return peerRequire(name) as T;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw cause;
    throw new Error(`error: ${name} is not installed: npm ci --prefix bench/peers`, { cause });
  }
}

/** The folder of a package's file, with a trailing slash. */
export function peerFolder(file: string): string {
  return `${dirname(peerRequire.resolve(file))}/`;
}
