// Packages: what the peers are installed as. They live in bench/peers/node_modules, which `npm ci` of the project never
// fills: `npm ci --prefix bench/peers` does.

import { createRequire } from "node:module";
import { dirname } from "node:path";

/** Compiled files live in dist/bench/peers/, the manifest in bench/peers/. */
const peerRequire = createRequire(new URL("../../../bench/peers/package.json", import.meta.url));

/** The package, with the interface that the caller knows of it. */
export function requirePeer<T>(name: string): T {
  try {
    return peerRequire(name) as T;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw cause;
    throw new Error(`error: ${name} is not installed: npm ci --prefix bench/peers`, { cause });
  }
}

/** Folder of a file of a package, with a slash behind it. */
export function peerFolder(file: string): string {
  return `${dirname(peerRequire.resolve(file))}/`;
}
