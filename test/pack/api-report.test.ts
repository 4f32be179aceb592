// API report: docs/api holds what each entrance of the package exports, so that a change of it is a change of a file.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";

const script = fileURLToPath(new URL("../../../scripts/api-report.mjs", import.meta.url));

test("the exports of every entrance are those of docs/api (npm run api rewrites them)", async () => {
  await promisify(execFile)(process.execPath, [script, "--check"]).catch(({ stderr }) => {
    assert.unreachable(stderr);
  });
});

test.run();
