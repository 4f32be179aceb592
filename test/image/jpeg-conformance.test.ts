// JPEG conformance on the synthetic fixtures: the same harness as `npm run conformance`.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { judge } from "../conformance/judge.js";
import { runConformance } from "../conformance/report.js";
import { FIXTURES, fixture, fixtureRows } from "./jpeg-fixtures.js";

const module = await createImageModule(nodeHost());

for (const relaxed of [false, true])
  test(`every fixture equals libjpeg-turbo's result, ${relaxed ? "with" : "without"} relaxed SIMD`, async () => {
    const rows = fixtureRows();
    const report = runConformance(await createImageModule(nodeHost(), { relaxed }), FIXTURES, rows);
    assert.equal(report.failures, []);
    assert.is(report.passed, rows.length);
    assert.is(report.byStatus.ok?.passed, 33);
  });

test("the check fails a wrong hash, a wrong size and a file that should have been refused", () => {
  const row = fixtureRows().find(({ file }) => file === "420_shapes.jpg");
  const bytes = fixture("420_shapes");
  if (row === undefined) throw new Error("fixture row missing");
  assert.is(judge(module, row, bytes).passed, true);
  assert.is(judge(module, { ...row, rgb_sha256: "0".repeat(64) }, bytes).passed, false);
  assert.is(judge(module, { ...row, width: 66 }, bytes).passed, false);
  assert.is(judge(module, { ...row, status: "refused" }, bytes).passed, false);
});

test("pixels go to the caller's buffer if one is given", () => {
  const bytes = fixture("444_shapes");
  const fresh = decode(module, bytes);
  const into = new Uint8Array(fresh.data.length + 5).fill(9);
  const result = decode(module, bytes, { into });
  assert.is(result.data.buffer, into.buffer);
  assert.equal(result.data, fresh.data);
  assert.is(into[fresh.data.length], 9);
});

test("memory stays flat over a thousand pictures", () => {
  const files = ["420_waves_q50", "444_noise_q100", "gray_shapes", "420_restart_rows"].map(fixture);
  for (const bytes of files) decode(module, bytes);
  const held = module.memoryBytes();
  for (let i = 0; i < 1000; i++) decode(module, files[i % files.length] as Uint8Array);
  assert.is(module.memoryBytes(), held);
});

test.run();
