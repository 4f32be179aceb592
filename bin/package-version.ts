// Package version: Vitrine's own, as package.json has it.

import { readFileSync } from "node:fs";

/** Compiled to dist/bin/; package.json lies two floors up, in a clone and in an installed package alike. */
const MANIFEST = new URL("../../package.json", import.meta.url);

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(MANIFEST, "utf8")) as { version: string };
  return version;
}
