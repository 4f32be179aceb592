// Model source: the hint for a folder without weights, which names a run's model where there is one.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeModelSource } from "../../runtime/host/node.js";

const folder = mkdtempSync(join(tmpdir(), "vitrine-source-"));
test.after(() => rmSync(folder, { recursive: true }));

function refusal(path: string): string {
  try {
    nodeModelSource(path);
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "a model";
}

test("a folder without weights says what a model is, a run's names its best model, or its last", () => {
  const run = join(folder, "run");
  mkdirSync(run);
  assert.match(
    refusal(run),
    /^model\/no-model: .*no model\.safetensors in this folder; a model is a folder with/,
  );
  for (const name of ["last", "best"]) {
    mkdirSync(join(run, name));
    writeFileSync(join(run, name, "model.safetensors"), "");
    const hint = `in this folder; did you mean ${join(run, name)}?`;
    assert.ok(refusal(run).endsWith(hint), refusal(run));
  }
});

test.run();
