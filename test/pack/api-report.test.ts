// API report: docs/api holds what each entrance of the package exports, so that a change of it is a change of a file.

import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";

const script = fileURLToPath(new URL("../../../scripts/api-report.mjs", import.meta.url));
const reports = new URL("../../../docs/api/", import.meta.url);

test("the exports of every entrance are those of docs/api (npm run api rewrites them)", async () => {
  await promisify(execFile)(process.execPath, [script, "--check"]).catch(({ stderr }) => {
    assert.unreachable(stderr);
  });
});

test("every export has a docstring", async () => {
  const files = (await readdir(reports)).filter((file) => file.endsWith(".api.md"));
  assert.ok(files.length > 0, "docs/api has no reports");
  for (const file of files) {
    const report = await readFile(new URL(file, reports), "utf8");
    // Members are marked too, but indented: where name and type say everything they may stay without one.
    const bare = [...report.matchAll(/^\/\/ @.*\(undocumented\).*\n+(.*)$/gm)].map(([, line]) => line);
    assert.equal(bare, [], `${file}: write a docstring where each of these is declared, then npm run api`);
  }
});

test.run();
