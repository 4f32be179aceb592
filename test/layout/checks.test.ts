// Checks: what `npm run check` runs besides the type checker, as tests, so that `npm test` runs them too.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** Compiled to dist/test/layout/. */
const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** Runs a package's command in the checkout; throws with its output where it finds something. */
function check(packageName: string, command: string, args: string[]): void {
  const manifest = createRequire(import.meta.url).resolve(`${packageName}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Record<string, string> };
  const script = join(dirname(manifest), bin[command]);
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) assert.unreachable(`${command} ${args.join(" ")}:\n${stdout}${stderr}`);
}

test("formatter and linter find nothing to change", () => {
  check("@biomejs/biome", "biome", ["check", "."]);
});

test.run();
