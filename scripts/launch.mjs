// Launch: runs a command of a checkout, after bringing the build up to date, so that an edit of a source is what runs.
// `node scripts/launch.mjs COMMAND …` is `vitrine COMMAND …`; `--file PATH` runs dist/PATH instead. `--debug` before
// either takes the debug build of the WebAssembly modules, as VITRINE_WASM=debug in the environment does.

import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "./build.mjs";

/** What neither serves nor opens the page and so need not wait for its build. */
const WITHOUT_PAGE = [
  "train",
  "data-server",
  "test/parity/run.js",
  "test/conformance/run.js",
  "test/fuzz/run.js",
  "test/faults/run.js",
];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const args = process.argv.slice(2);
if (args[0] === "--debug") {
  args.shift();
  process.env.VITRINE_WASM = "debug";
}
const file = args[0] === "--file" ? args.splice(0, 2)[1] : undefined;
const script = join(root, "dist", file ?? "bin/vitrine.js");

try {
  const parts = WITHOUT_PAGE.includes(file ?? args[0]) ? ["wasm", "ts"] : undefined;
  await build({ parts, debug: process.env.VITRINE_WASM === "debug" });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
process.argv = [process.argv[0], script, ...args];
await import(pathToFileURL(script).href);
