// Worker scripts: where the library's workers are started, the script that bundlers find and the one that is imported
// from another origin are the same file.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const folder = fileURLToPath(new URL("../../../client/browser/", import.meta.url));
const CALL =
  /startWorker\(\s*\(\) =>\s*new Worker\(new URL\("([^"]+)", import\.meta\.url\)[^;]*?\),\s*"([^"]+)"/g;

test("both addresses of every worker name one script", () => {
  let calls = 0;
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    if (!name.endsWith(".ts")) continue;
    const source = readFileSync(join(folder, name), "utf8");
    const started = [...source.matchAll(CALL)];
    for (const [, bundled, imported] of started) assert.is(imported, bundled, name);
    const all = source.match(/startWorker\(\s*\(\)/g)?.length ?? 0;
    assert.is(started.length, all, `${name}: a call of another form`);
    calls += all;
  }
  assert.ok(calls >= 4, `${calls} workers`);
});

test.run();
