// Library files: what a page of `vitrine/browser` fetches besides the bundle it is part of.

import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds client/bundle/ and wasm/. */
const HOME = fileURLToPath(new URL("../../", import.meta.url));

/** The only modules of the library that bundlers see; they start workers, which load everything else. */
const ENTRIES = ["index.js", "trainer.js"]
  .map((name) => join(HOME, "client/bundle", name))
  .filter((path) => existsSync(path))
  .map((path) => realpathSync(path));

export function isLibrary(path: string): boolean {
  try {
    return ENTRIES.includes(realpathSync(path));
  } catch {
    // A virtual module of a bundler has no file.
    return false;
  }
}

/** A script of the library, where `base` is the expression for its address in place of the bundle's. */
export function librarySource(path: string, base: string): string {
  return readFileSync(path, "utf8").replaceAll("import.meta.url", base);
}

const namesIn = (folder: string, ending: RegExp) =>
  readdirSync(join(HOME, folder)).filter((name) => ending.test(name));

/** Workers, then WebAssembly, with the paths they keep in the output, since workers find the other files by them. */
export function libraryFiles(): { path: string; file: string }[] {
  const workers = namesIn("client/bundle", /\.js$/).map((name) => `client/bundle/${name}`);
  const modules = namesIn("wasm", /\.(js|wasm|wasm\.gz)$/).map((name) => `wasm/${name}`);
  return [...workers, ...modules]
    .map((path) => ({ path: `vitrine/${path}`, file: join(HOME, path) }))
    .filter(({ file }) => !isLibrary(file));
}
