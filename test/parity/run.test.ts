// The parity command: its last line, and that a wrong number is a failure but a missing file is not.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFixtureFolder } from "./fixture-folder.js";

const RUN = fileURLToPath(new URL("./run.js", import.meta.url));
const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/micro", import.meta.url));
const RESIZED = "pos_embed_bicubic.safetensors";

const folder = mkdtempSync(join(tmpdir(), "vitrine-parity-"));
test.after(() => rmSync(folder, { recursive: true }));

interface Summary {
  device: string;
  tier: string | null;
  passed: number;
  failed: number;
  skipped: number;
  cases: { name: string; ok: boolean; maxAbsError: number | null; tolerance: number; skipped?: string }[];
}

function run(path: string, script = RUN): { status: number | null; summary: Summary; lines: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, path, "--json"], {
    encoding: "utf8",
  });
  const lines = stdout.trim().split("\n");
  assert.ok(lines.at(-1)?.startsWith("{"), stderr);
  return { status, summary: JSON.parse(lines.at(-1) as string) as Summary, lines };
}

test("every fixture of the project passes, with a line per case and the counts at the end", () => {
  const { status, summary, lines } = run(FIXTURES);
  assert.equal(
    summary.cases.filter(({ ok, skipped }) => !ok && skipped === undefined),
    [],
  );
  assert.is(status, 0);
  assert.is(summary.failed, 0);
  assert.is(summary.passed + summary.skipped, summary.cases.length);
  assert.is(lines.length, summary.cases.length + 1);
  assert.is(new Set(summary.cases.map(({ name }) => name)).size, summary.cases.length);
});

test("a folder with one file has only that file's cases; a wrong number fails, and so does the command", () => {
  for (const file of [RESIZED, "f32_error.json"]) copyFileSync(join(FIXTURES, file), join(folder, file));
  const right = run(folder);
  assert.is(right.status, 0);
  assert.equal(
    right.summary.cases.map(({ name }) => name),
    ["pos_embed_bicubic/small_up_extra2", "pos_embed_bicubic/down_extra1"],
  );
  // The last value of the file belongs to the result that is compared with.
  const bytes = readFileSync(join(FIXTURES, RESIZED));
  bytes.writeFloatLE(bytes.readFloatLE(bytes.length - 4) + 1e-5, bytes.length - 4);
  writeFileSync(join(folder, RESIZED), bytes);
  const wrong = run(folder);
  assert.is(wrong.status, 1);
  assert.equal([wrong.summary.passed, wrong.summary.failed], [1, 1]);
  assert.ok((wrong.summary.cases[1]?.maxAbsError ?? 0) > 9e-6);
});

test("a damaged fixture fails its group by name, and the others still run", () => {
  copyFileSync(join(FIXTURES, "drop_path_rates.json"), join(folder, "drop_path_rates.json"));
  writeFileSync(join(folder, RESIZED), readFileSync(join(FIXTURES, RESIZED)).subarray(0, 1000));
  const { status, summary } = run(folder);
  assert.is(status, 1);
  assert.ok(summary.passed > 0);
  assert.equal(summary.failed, 1);
  assert.match(
    summary.cases.find(({ ok }) => !ok)?.name as string,
    /weightsCases stopped: pos_embed_bicubic/,
  );
});

test("the command runs through a symbolic link, and names the device and its tier", () => {
  const link = join(folder, "link");
  symlinkSync(dirname(RUN), link);
  const { status, summary } = run(folder, join(link, "run.js"));
  assert.is(status, 1);
  assert.equal([summary.device, summary.tier], ["wasm", null]);
  assert.ok(summary.passed > 0);
});

test("a missing folder and a missing device each give one line", () => {
  const attempts: [RegExp, string[]][] = [
    [/file\/not-found: .*no such folder; expected one of fixtures/, [join(folder, "nothing")]],
    [/device\/unknown: no device "tfjs:webgl"; tfjs devices: tfjs:cpu/, [folder, "--device", "tfjs:webgl"]],
    [/device\/tier: device wasm has no tiers/, [folder, "--gpu-tier", "float16"]],
  ];
  for (const [expected, args] of attempts) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, ...args], { encoding: "utf8" });
    assert.equal([status, stdout, stderr.trim().split("\n").length], [1, "", 1]);
    assert.match(stderr, expected);
  }
});

test("a tolerance is at most 8 times PyTorch's own error, and only for tensors whose error is known", () => {
  const { tolerance } = openFixtureFolder(FIXTURES, "wasm");
  const once = tolerance(RESIZED, "small_up_extra2.out", 1);
  assert.ok(once > 1.6e-6 && tolerance(RESIZED, "small_up_extra2.out", 8) < 8 * once);
  assert.throws(() => tolerance(RESIZED, "small_up_extra2.out", 9), /a multiple of 9; allowed: 1 to 8/);
  assert.throws(() => tolerance(RESIZED, "small_up_extra2.out", 0), /a multiple of 0/);
  assert.throws(() => tolerance(RESIZED, "nothing", 1), /does not name tensor "nothing"/);
});

test.run();
