// Served photographs: the comparison finds the classes of the library on both protocols, and a wrong list.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { startInferenceServer } from "../../server/inference/inference-server.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";
import { askBoth, type ExpectedRow } from "./served.js";

test("photographs have the library's classes over gRPC and REST, and one with other classes is named", async () => {
  const tiny = makeTinyModel();
  const root = mkdtempSync(join(tmpdir(), "vitrine-served-"));
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
  const model = await loadModel(runtime, nodeModelSource(tiny.folder));
  const rows: ExpectedRow[] = [];
  for (let seed = 0; seed < 4; seed++) {
    const file = `${seed}.jpg`;
    const bytes = wavesJpeg(seed);
    writeFileSync(join(root, file), bytes);
    const [classes] = await model.classify([bytes]);
    const top5 = classes?.map(({ index }) => index) ?? [];
    rows.push({ file, label: top5[seed === 0 ? 1 : 0] as number, top5 });
  }
  const right = [...(rows[2]?.top5 ?? [])];
  rows[2]?.top5.reverse();
  const server = await startInferenceServer({
    models: [{ ...model, name: "tiny", device: "wasm" }],
    listen: "127.0.0.1:0",
    http: { listen: "127.0.0.1:0" },
    version: "1",
  });
  const where = { address: server.address, http: server.httpAddress as string, model: "tiny" };
  for (const report of await askBoth(where, root, rows)) {
    const { protocol: _, ...counts } = report;
    const failures = [{ file: "2.jpg", want: rows[2]?.top5, got: right }];
    assert.equal(counts, { photographs: 4, same: 3, top1: 3, top5: 4, failures });
  }
  await server.drain();
  model.dispose();
  await runtime.dispose();
  tiny.remove();
  rmSync(root, { recursive: true });
});

test.run();
