// Launch: runs a command of a clone, and builds first what has not been built yet.
// `node scripts/launch.mjs COMMAND …` is `vitrine COMMAND …`; `--file PATH` runs dist/PATH instead.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const args = process.argv.slice(2);
const file = args[0] === "--file" ? args.splice(0, 2)[1] : "bin/vitrine.js";
const script = join(root, "dist", file);

if (!existsSync(script) || !existsSync(join(root, "dist/wasm/image.wasm"))) {
  console.error("building Vitrine (once) …");
  const built = spawnSync(process.execPath, [join(root, "scripts/build.mjs")], { stdio: "inherit" });
  if (built.status !== 0) process.exit(built.status ?? 1);
}
process.argv = [process.argv[0], script, ...args];
await import(pathToFileURL(script).href);
