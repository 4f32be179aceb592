// Reading of samples: whole files and ranges of them, compared with what was listed; nothing that never ends is read.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../client/node/data-client.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { startDataServer } from "../../server/data/data-server.js";
import { sampleLocation } from "../../server/data/dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { type ReadOptions, readSample } from "../../server/data/read-sample.js";
import { fileLocation, type SampleLocation } from "../../server/data/sample-location.js";
import { SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet } from "./synthetic-data-set.js";

const test = suite<{ folder: string; file: string }>("read sample");

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-read-"));
  context.file = join(context.folder, "bytes");
  writeFileSync(context.file, Uint8Array.of(10, 11, 12, 13, 14, 15, 16, 17));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const MODES: ReadOptions[] = [{}, { blocking: true }];

async function refusal(location: SampleLocation, options: ReadOptions): Promise<VitrineError> {
  const outcome = await readSample(location, options).catch((error: unknown) => error);
  assert.ok(isVitrineError(outcome), String(outcome));
  assert.not.match(outcome.message, /\n/);
  return outcome;
}

for (const mode of MODES) {
  const how = mode.blocking ? "blocking" : "asynchronous";

  test(`a whole file, a range and a start are read, ${how}`, async ({ file }) => {
    const read = async (changes: Partial<SampleLocation>, options: ReadOptions = {}) => [
      ...(await readSample({ ...fileLocation(file), ...changes }, { ...mode, ...options })),
    ];
    assert.equal(await read({}), [10, 11, 12, 13, 14, 15, 16, 17]);
    assert.equal(await read({ offset: 2, length: 3 }), [12, 13, 14]);
    assert.equal(await read({ offset: 6 }), [16, 17]);
    assert.equal(await read({ offset: 8, length: 0 }), []);
    assert.equal(await read({ offset: 2, length: 3 }, { most: 2 }), [12, 13]);
    assert.equal(await read({}, { most: 100 }), [10, 11, 12, 13, 14, 15, 16, 17]);
    const own = await readSample({ ...fileLocation(file), offset: 2, length: 3 }, mode);
    assert.is(own.buffer.byteLength, 3, "an array of its own");
  });

  test(`a range that the file does not have is refused with both, ${how}`, async ({ file }) => {
    for (const [offset, length] of [
      [7, 2],
      [9, 0],
      [0, 2 ** 50],
    ]) {
      const error = await refusal({ ...fileLocation(file), name: "s.tar: a.jpg", offset, length }, mode);
      assert.is(error.code, "data/file-changed");
      assert.match(error.message, /^s\.tar: a\.jpg: .*bytes [\d,]+ to [\d,]+ are needed, and it has 8;/);
    }
    assert.is((await refusal({ ...fileLocation(file), offset: 9 }, mode)).code, "data/file-changed");
  });

  test(`a file of another size or time than listed is named with both, ${how}`, async ({ file }) => {
    const { mtimeMs } = statSync(file);
    const location = { ...fileLocation(file), expected: { bytes: 8, modifiedMs: mtimeMs } };
    assert.is((await readSample(location, mode)).length, 8);
    assert.is((await readSample({ ...location, expected: { bytes: 8 } }, mode)).length, 8);
    utimesSync(file, 1e9, 1e9 + 0.5);
    const touched = await refusal(location, mode);
    assert.is(touched.code, "data/file-changed");
    assert.match(touched.message, /modified at .*, now 2001-09-09 01:46:40\.500 \(UTC\); write the/);
    truncateSync(file, 5);
    const cut = await refusal(location, mode);
    assert.match(cut.message, /it had 8 bytes, now 5; write the data set's index again/);
    assert.is((await readSample({ ...location, expected: { bytes: 5 } }, mode)).length, 5);
  });

  test(`a missing file, a folder, a FIFO and a device are errors at once, ${how}`, async ({ folder }) => {
    const gone = await refusal(fileLocation(join(folder, "gone")), mode);
    assert.is(gone.code, "file/not-found");
    assert.match(gone.message, /gone: no such file; it existed when the data set was opened$/);
    const cases: [path: string, kind: RegExp][] = [[folder, /a folder/]];
    if (process.platform !== "win32") {
      execFileSync("mkfifo", [join(folder, "fifo")]);
      cases.push([join(folder, "fifo"), /a FIFO .*allowed: a regular file$/], ["/dev/zero", /a device/]);
    }
    for (const [path, kind] of cases) {
      for (const most of [undefined, 10]) {
        const error = await refusal(fileLocation(path), { ...mode, most });
        assert.is(error.code, "file/unreadable");
        assert.match(error.message, kind);
      }
    }
  });

  test(`a photo has a size limit, and a range of a large shard has none but its own, ${how}`, async ({
    file,
  }) => {
    truncateSync(file, 2 ** 29 + 1);
    const large = await refusal(fileLocation(file), mode);
    assert.match(large.message, /536,870,913 bytes; allowed: .* at most 536,870,912/);
    const range = { ...fileLocation(file), offset: 2 ** 29 - 1, length: 2 };
    assert.equal([...(await readSample(range, mode))], [0, 0]);
    assert.is((await readSample(fileLocation(file), { ...mode, most: 3 })).length, 3);
  });
}

for (const workers of [0, 1])
  test(`a picture that is replaced while it is served is an error or is skipped, with ${workers} workers`, async () => {
    const set = createDataSet(6);
    try {
      const dataset = await openDataset(set.path);
      const { file } = sampleLocation(dataset, 4);
      const skipped: string[] = [];
      const settings = { recipe: SMALL_RECIPE, batchSize: 6, seed: 3, dataset, workers };
      const first = async (badSamples: "fail" | "skip") => {
        const onSkipped = ({ code, details }: VitrineError) => void skipped.push(`${code} ${details.file}`);
        const source = await openPipeline({ ...settings, badSamples, onSkipped });
        try {
          for await (const batch of source.batches({ epoch: 0, batch: 0 }))
            return batch.weights.reduce((sum, weight) => sum + weight, 0);
          throw new Error("no batch");
        } finally {
          await source.close();
        }
      };
      assert.is(await first("fail"), 6);
      const { size } = statSync(file);
      utimesSync(file, 1e9, 1e9);
      assert.is(statSync(file).size, size);
      const error = await first("fail").catch((reason: unknown) => reason);
      assert.ok(isVitrineError(error) && error.code === "data/file-changed", String(error));
      assert.is(await first("skip"), 5);
      assert.equal(skipped, [`data/file-changed ${file}`]);
    } finally {
      set.remove();
    }
  });

test("a client is told which file has changed", async () => {
  const set = createDataSet(6);
  const server = await startDataServer({
    ...{ data: set.path, listen: "127.0.0.1:0", workers: 1, badSamples: "fail" as const },
  });
  try {
    utimesSync(join(set.path, "cat", "000.jpg"), 1e9, 1e9);
    const { address } = server;
    const source = await connectData({ address, recipe: SMALL_RECIPE, batchSize: 6, seed: 3 });
    const batches = source.batches({ epoch: 0, batch: 0 })[Symbol.asyncIterator]();
    const error = await batches.next().catch((reason: unknown) => reason);
    assert.ok(isVitrineError(error) && error.code === "data/file-changed", String(error));
    assert.match(error.message, /000\.jpg: the file has changed/);
    await source.close();
  } finally {
    await server.close();
    set.remove();
  }
});

test.run();
