// Browser bundle: dist/client/browser as one script for the page and one for each worker, in dist/client/bundle.
// A page without a bundler then loads a few files instead of a few hundred, and @vitrine/browser is made of them.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const compiled = join(root, "dist/client/browser");
const bundled = join(root, "dist/client/bundle");

/** What pages import. */
const ENTRANCES = ["index", "trainer"];

/** Scripts that are started by address, as a line of a module names them. */
const WORKER = /new Worker\(\s*new URL\("\.\/([\w-]+)\.js", import\.meta\.url\)/g;

/** The library's scripts, and those of all workers. */
export function bundleEntries() {
  const sources = readdirSync(join(root, "client/browser")).filter((name) => name.endsWith(".ts"));
  const started = sources.flatMap((name) =>
    [...readFileSync(join(root, "client/browser", name), "utf8").matchAll(WORKER)].map((match) => match[1]),
  );
  return [...ENTRANCES, ...new Set(started)].sort();
}

/** What bundlers look for, written as all of them look for it: minifying makes templates of strings. */
function restoreForms(code) {
  return code.replaceAll(/new URL\(`([^`$]+)`,\s*import\.meta\.url\)/g, 'new URL("$1", import.meta.url)');
}

rmSync(bundled, { recursive: true, force: true });
for (const name of bundleEntries()) {
  const bundle = await rolldown({ input: join(compiled, `${name}.js`), platform: "browser" });
  const file = join(bundled, `${name}.js`);
  const { output } = await bundle.write({ file, format: "esm", minify: true, codeSplitting: false });
  if (output.length !== 1) throw new Error(`${name}.js has ${output.length} parts; a worker is one script`);
  writeFileSync(file, restoreForms(output[0].code));
  await bundle.close();
}
