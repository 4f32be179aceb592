// The example of docs/tfjs.md runs as printed; without WebGPU, on tfjs's cpu backend.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runtimeOrSkip } from "../executors/webgpu-device.js";
import { SYNTHETIC, syntheticWeights, writeModelFolder } from "./synthetic-model.js";

/** Tests run from dist/test/models. */
const PAGE = new URL("../../../docs/tfjs.md", import.meta.url);

async function devices(): Promise<string[]> {
  const webgpu = await runtimeOrSkip("webgpu");
  await webgpu?.dispose();
  return webgpu ? ["webgpu", "tfjs:cpu"] : ["tfjs:cpu"];
}

/** The example with files in place of package names, on `device`. */
function example(device: string): string {
  const [, block] = /^```js\n(.*?)^```/ms.exec(readFileSync(PAGE, "utf8")) ?? [];
  const resolved = (block as string).replace(
    /from "([@\w/-]+)"/g,
    (_, name: string) => `from ${JSON.stringify(import.meta.resolve(name))}`,
  );
  assert.match(resolved, /device: "webgpu"/);
  return resolved.replace('device: "webgpu"', `device: ${JSON.stringify(device)}`);
}

for (const device of await devices())
  test(`docs/tfjs.md: the example runs on ${device}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "vitrine-tfjs-"));
    try {
      writeModelFolder(join(folder, "my-model"), SYNTHETIC, syntheticWeights(SYNTHETIC), [
        "ant",
        "bee",
        "cat",
        "dog",
      ]);
      writeFileSync(join(folder, "example.mjs"), example(device));
      const { status, stdout, stderr } = spawnSync(process.execPath, ["example.mjs"], {
        cwd: folder,
        encoding: "utf8",
      });
      assert.is(status, 0, stderr);
      assert.match(stdout, /^\[ 2, 4 \] \[ '(ant|bee|cat|dog)', '(ant|bee|cat|dog)' \]\ntrue\n$/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

test.run();
