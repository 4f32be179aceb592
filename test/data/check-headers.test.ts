// Check headers: every file of a validation set that cannot be an image is found before training starts.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { checkHeaders, type HeaderCheck } from "../../server/data/check-headers.js";
import { openDecodePool } from "../../server/data/decode-pool.js";
import { fileLocation } from "../../server/data/sample-location.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ set: SyntheticDataSet; folder: string; good: string }>("check headers");

test.before((context) => {
  context.set = createDataSet(1);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-headers-"));
  context.good = join(context.set.path, "cat", "000.jpg");
});

test.after(({ set, folder }) => {
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function check(files: readonly string[], changes: Partial<HeaderCheck> = {}, workers = 0) {
  const { pool } = await openDecodePool(workers);
  const samples = { count: files.length, at: (index: number) => fileLocation(files[index]) };
  const skipped: VitrineError[] = [];
  const notices: string[] = [];
  const defaults: HeaderCheck = {
    ...{ badSamples: "skip", seconds: 30, signal: new AbortController().signal },
    onNotice: (text) => void notices.push(text),
    onSkipped: (error) => void skipped.push(error),
  };
  try {
    return { ...(await checkHeaders(pool, samples, { ...defaults, ...changes })), skipped, notices };
  } finally {
    await pool.close();
  }
}

/** Segments of 64 KiB before the frame header, as large color profiles are. */
function withLongHeader(bytes: Buffer): Buffer {
  const segment = Buffer.alloc(2 + 65_535);
  segment.writeUInt16BE(0xffe1, 0);
  segment.writeUInt16BE(65_535, 2);
  return Buffer.concat([bytes.subarray(0, 2), segment, segment, bytes.subarray(2)]);
}

for (const workers of [0, 1])
  test(`files that are no images are named, whatever hides them, with ${workers} workers`, async ({
    folder,
    good,
  }) => {
    const bytes = readFileSync(good);
    const path = (name: string) => join(folder, name);
    writeFileSync(path("long.jpg"), withLongHeader(bytes));
    writeFileSync(path("cut-scan.jpg"), bytes.subarray(0, bytes.length - 40));
    writeFileSync(path("cut-long.jpg"), withLongHeader(bytes).subarray(0, 100_000));
    writeFileSync(path("cut.jpg"), bytes.subarray(0, 30));
    writeFileSync(path("empty.jpg"), "");
    writeFileSync(path("text.jpg"), "no image");
    const bad = ["cut-long.jpg", "cut.jpg", "empty.jpg", "text.jpg", "missing.jpg"].map(path);
    // Damage behind the header is found when the file is decoded.
    const files = [...Array(70).fill(good), path("long.jpg"), path("cut-scan.jpg"), ...bad];
    const found = await check(files, {}, workers);
    assert.equal([found.checked, found.bad], [files.length, 5]);
    assert.equal(found.skipped.map(({ details }) => details.file).sort(), bad.sort());
    assert.equal(found.notices, []);
  });

test("with `fail` one error names the first file and counts them all", async ({ folder, good }) => {
  const text = join(folder, "a.jpg");
  writeFileSync(text, "no image");
  const outcome = await check([good, text, text], { badSamples: "fail" }).catch((error: unknown) => error);
  assert.ok(isVitrineError(outcome) && outcome.code === "image/unknown-format");
  assert.match(
    outcome.message,
    /a\.jpg: not a picture.* \(2 files of 3 cannot be read: repair or remove them, or leave them out with --bad-samples skip\)$/,
  );
});

test("the time is limited, and what was not reached is said", async ({ good }) => {
  const found = await check(Array(400).fill(good), { seconds: 0 });
  assert.is(found.checked, 0);
  assert.match(found.notices[0] as string, /^the headers of 0 of 400 files were checked in 0 s; the others/);
  const stopped = await check(Array(400).fill(good), { signal: AbortSignal.abort() });
  assert.equal([stopped.checked, stopped.notices], [0, []]);
});

test.run();
