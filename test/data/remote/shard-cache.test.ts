// Shard cache: bytes equal to the object's, within its size, whatever a crash, a damaged disk or another process leaves.

import { type ChildProcess, fork } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CacheLedger, SMALLEST_CACHE } from "../../../server/data/remote/cache-ledger.js";
import type { ByteRange, ObjectVersion } from "../../../server/data/remote/contract.js";
import { BLOCK_BYTES, SEGMENT_BYTES } from "../../../server/data/remote/segment-file.js";
import { ShardCache } from "../../../server/data/remote/shard-cache.js";
import { bytesAt } from "./virtual-object.js";

interface Context {
  folder: string;
  warnings: string[];
  fetched: ByteRange[];
  cache: ShardCache;
}

const test = suite<Context>("shard cache");
const URL = "https://host/shard.tar";
const VERSION: ObjectVersion = { bytes: 3 * SEGMENT_BYTES - 1000, etag: '"1"' };

test.before.each(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-remote-cache-"));
  context.warnings = [];
  context.fetched = [];
  context.cache = await openCache(context);
});

test.after.each(async ({ cache, folder }) => {
  await cache.close();
  rmSync(folder, { recursive: true, force: true });
});

const openCache = ({ folder, warnings }: Context, busyMs?: number): Promise<ShardCache> =>
  ShardCache.open({ folder, bytes: SMALLEST_CACHE, ...(busyMs !== undefined && { busyMs }) }, (text) =>
    warnings.push(text),
  );

/** Reads through the cache, and compares what comes with the object. */
async function read(context: Context, offset: number, length: number, url = URL): Promise<void> {
  const bytes = await context.cache.read(url, VERSION, { offset, length }, async (range) => {
    context.fetched.push(range);
    return bytesAt(range);
  });
  assert.ok(Buffer.from(bytes).equals(bytesAt({ offset, length })), `${offset} ${length}`);
}

/** All files of the cache, by path. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const segmentsOf = (folder: string): string[] =>
  filesOf(folder).filter((path) => /\/[0-9a-f]{2}\/[0-9a-f]{62}$/.test(path));

const bytesOf = (folder: string): number =>
  segmentsOf(folder).reduce((sum, path) => sum + 512 * statSync(path).blocks, 0);

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Closing waits for what is written. */
async function reopen(context: Context, busyMs?: number): Promise<void> {
  await context.cache.close();
  context.cache = await openCache(context, busyMs);
  context.fetched.length = 0;
}

test("a range is fetched in whole blocks, once, also by another process", async (context) => {
  await read(context, 100_000, 110_000);
  assert.equal(context.fetched, [{ offset: BLOCK_BYTES, length: 3 * BLOCK_BYTES }]);
  await reopen(context);
  await read(context, 100_000, 110_000);
  await read(context, BLOCK_BYTES, 3 * BLOCK_BYTES);
  assert.equal(context.fetched, []);
  assert.equal(context.cache.counts, { hits: 2, misses: 0, damagedBlocks: 0 });
});

test("of a range that is there in part, the missing blocks are fetched", async (context) => {
  await read(context, 0, 2 * BLOCK_BYTES);
  await reopen(context);
  await read(context, 10, 4 * BLOCK_BYTES);
  assert.equal(context.fetched, [{ offset: 2 * BLOCK_BYTES, length: 3 * BLOCK_BYTES }]);
});

test("ranges cross segments, and the object's last block is short", async (context) => {
  await read(context, SEGMENT_BYTES - 10, 20);
  await read(context, VERSION.bytes - 10, 10);
  assert.equal(context.fetched, [
    { offset: SEGMENT_BYTES - BLOCK_BYTES, length: BLOCK_BYTES },
    { offset: SEGMENT_BYTES, length: BLOCK_BYTES },
    { offset: 3 * SEGMENT_BYTES - BLOCK_BYTES, length: BLOCK_BYTES - 1000 },
  ]);
  await reopen(context);
  await read(context, SEGMENT_BYTES - 10, 20);
  await read(context, VERSION.bytes - 10, 10);
  assert.equal(context.fetched, []);
});

test("another version of an object is another object", async (context) => {
  await read(context, 0, 100);
  await reopen(context);
  const other = { ...VERSION, etag: '"2"' };
  const bytes = await context.cache.read(URL, other, { offset: 0, length: 3 }, async ({ length }) =>
    new Uint8Array(length).fill(9),
  );
  assert.equal([...bytes], [9, 9, 9]);
});

test("several reads of the same blocks at a time are one fetch", async (context) => {
  await Promise.all(Array.from({ length: 10 }, () => read(context, 100, 100_000)));
  assert.is(context.fetched.length, 1);
});

test("the third miss of a chunk fetches the rest of its 8 MiB", async (context) => {
  const chunk = 128 * BLOCK_BYTES;
  for (let i = 0; i < 3; i++) await read(context, chunk + i * 3 * BLOCK_BYTES, 1000);
  assert.equal(context.fetched.at(-1), { offset: chunk, length: chunk });
  await reopen(context);
  for (let i = 0; i < 20; i++) await read(context, chunk + i * 5 * BLOCK_BYTES, 100_000);
  assert.equal(context.fetched, []);
});

test("misses that are far apart fetch no more than is needed", async (context) => {
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 70; i++) await read(context, 100 + round * 3 * BLOCK_BYTES, 1000, `${URL}${i}`);
  assert.ok(context.fetched.every(({ length }) => length === BLOCK_BYTES));
});

test("a damaged block is fetched again", async (context) => {
  await read(context, 0, 4 * BLOCK_BYTES);
  await reopen(context);
  const [path] = segmentsOf(context.folder);
  const handle = await open(path, "r+");
  const byte = Buffer.alloc(1);
  // The blocks begin after the table of 1,024 entries.
  const place = 12_288 + 2 * BLOCK_BYTES + 77;
  await handle.read(byte, 0, 1, place);
  byte[0] ^= 1;
  await handle.write(byte, 0, 1, place);
  await handle.close();
  await read(context, 0, 4 * BLOCK_BYTES);
  assert.equal(context.fetched, [{ offset: 2 * BLOCK_BYTES, length: BLOCK_BYTES }]);
  assert.is(context.cache.counts.damagedBlocks, 1);
  await reopen(context);
  await read(context, 0, 4 * BLOCK_BYTES);
  assert.equal(context.fetched, []);
});

test("whatever a crash leaves of a file, what is read is right", async (context) => {
  const size = 12_288 + 4 * BLOCK_BYTES;
  for (const length of [0, 10, 63, 64, 100, 5_000, 12_288, 12_289, size - BLOCK_BYTES, size - 1]) {
    await read(context, 0, 4 * BLOCK_BYTES);
    await reopen(context);
    truncateSync(segmentsOf(context.folder)[0], length);
    await read(context, 0, 4 * BLOCK_BYTES);
    assert.is(context.fetched.length, 1, `${length}`);
    await reopen(context);
    await read(context, 0, 4 * BLOCK_BYTES);
    assert.is(context.fetched.length, 0, `${length}`);
  }
});

test("what a crash left under another name is removed at start", async (context) => {
  await read(context, 0, 10);
  await reopen(context);
  const [segment] = segmentsOf(context.folder);
  const left = [`${segment}.0011.tmp`, join(context.folder, "ledger.22.tmp")];
  for (const path of left) {
    writeFileSync(path, "half");
    utimesSync(path, new Date(Date.now() - 120_000), new Date(Date.now() - 120_000));
  }
  writeFileSync(`${segment}.fresh.tmp`, "another process makes this one");
  rmSync(join(context.folder, "ledger"));
  await reopen(context);
  assert.equal(left.filter(existsSync), []);
  assert.ok(existsSync(`${segment}.fresh.tmp`));
});

test("a full cache keeps within its size what is in use, and evicts what was not used for an hour", async (context) => {
  const limit = SMALLEST_CACHE + 16 * 2 ** 20;
  const part = 2 ** 23;
  let next = 0;
  const zeros = async ({ length }: ByteRange) => new Uint8Array(length);
  const readSome = async (count: number) => {
    for (const end = next + count; next < end; next++)
      await context.cache.read(`${URL}${next}`, VERSION, { offset: 0, length: part }, zeros);
    assert.ok(bytesOf(context.folder) <= limit, `${bytesOf(context.folder)}`);
  };
  while (bytesOf(context.folder) < SMALLEST_CACHE - 4 * part) await readSome(8);
  await readSome(16);
  await reopen(context);
  const full = segmentsOf(context.folder);
  await readSome(8);
  await reopen(context);
  assert.equal(full.filter(existsSync), full);
  // The first one was used a little later than the others.
  const hoursAgo = (path: string) => Date.now() - (path === full[0] ? 2 : 3) * 3_600_000;
  for (const path of full) utimesSync(path, hoursAgo(path) / 1000, hoursAgo(path) / 1000);
  while (full.every(existsSync)) await readSome(1);
  await reopen(context);
  const left = full.filter(existsSync);
  assert.ok(left.length < 0.6 * full.length, `${left.length} of ${full.length}`);
  assert.ok(left.includes(full[0]));
  assert.equal(context.warnings, []);
});

test("indexes that are kept count as segments do, and are evicted with them", async ({ folder }) => {
  const kept = join(folder, "indexes");
  mkdirSync(kept);
  const names = ["old.index", "used.index", "left.index.00ff.tmp"];
  const [old, used, left] = names.map((name) => join(kept, name));
  for (const path of [old, used, left]) {
    writeFileSync(path, Buffer.alloc(2 ** 20));
    const hours = path === used ? 0 : 3;
    utimesSync(path, new Date(Date.now() - hours * 3_600_000), new Date(Date.now() - hours * 3_600_000));
  }
  const measured = async (bytes: number): Promise<number> => {
    const ledger = new CacheLedger({ folder, bytes });
    await ledger.open();
    await ledger.measure();
    await ledger.close();
    return readFileSync(join(folder, "ledger")).readDoubleLE(0);
  };
  assert.is(await measured(SMALLEST_CACHE), 2 ** 21);
  assert.not.ok(existsSync(left), "what a crash left");
  // Less than is in use: what was used least recently goes.
  assert.is(await measured(2 ** 20 + 2 ** 19), 2 ** 20);
  assert.equal([existsSync(old), existsSync(used)], [false, true]);
});

test("a segment's time is when it was used last", async (context) => {
  await read(context, 0, 10);
  await reopen(context);
  const [path] = segmentsOf(context.folder);
  utimesSync(path, new Date(0), new Date(0));
  await read(context, 0, 10);
  assert.ok(statSync(path).mtimeMs > Date.now() - 60_000);
});

test("files that another process evicted are closed, so that the disk has their bytes back", async (context) => {
  await read(context, 0, 2 ** 20);
  await reopen(context);
  await read(context, 0, 10);
  const openFiles = () => readdirSync("/proc/self/fd").map((name) => linkOf(`/proc/self/fd/${name}`));
  const isOpen = () =>
    openFiles().some((path) => path.startsWith(context.folder) && path.endsWith("(deleted)"));
  rmSync(segmentsOf(context.folder)[0]);
  const other = new CacheLedger({ folder: context.folder, bytes: SMALLEST_CACHE });
  await other.open();
  await other.measure();
  await other.close();
  assert.ok(!existsSync("/proc/self/fd") || isOpen());
  while (existsSync("/proc/self/fd") && isOpen()) await delay(50);
});

test("writers in several threads or processes count each other's reservations", async ({ folder }) => {
  const shared = join(folder, "shared");
  const limit = SMALLEST_CACHE;
  const ledgers = Array.from({ length: 5 }, () => new CacheLedger({ folder: shared, bytes: limit }));
  for (const ledger of ledgers) await ledger.open();
  let granted = 0;
  for (let refused = 0; refused < 5; ) {
    refused = 0;
    for (const ledger of ledgers) {
      if (await ledger.reserve(3_000_000)) granted += 3_000_000;
      else refused++;
    }
    // The first refusal begins a new ledger, of a folder that is empty.
    if (refused > 0) break;
  }
  assert.ok(granted <= limit, `${granted}`);
  assert.ok(granted > limit - 5 * 9 * 2 ** 20, `${granted}`);
  for (const ledger of ledgers) await ledger.close();
});

test("what is being written while another writer measures the folder still counts", async ({ folder }) => {
  const shared = join(folder, "measured");
  const [writer, other] = [0, 1].map(() => new CacheLedger({ folder: shared, bytes: SMALLEST_CACHE }));
  await writer.open();
  await other.open();
  const most = SMALLEST_CACHE - 2 ** 24;
  assert.is(await writer.reserve(most), true);
  await other.measure();
  assert.is(await writer.reserve(2 ** 25), false, "nothing of it is on the disk yet");
  // What was written fits from the next measurement on; the refusal has begun one.
  writer.written(most);
  while (!(await writer.reserve(most))) await other.measure();
  for (const ledger of [writer, other]) await ledger.close();
});

test("a folder that cannot be written is one warning, and reads go on", async (context) => {
  await context.cache.close();
  const file = join(context.folder, "a file");
  writeFileSync(file, "");
  context.cache = await openCache({ ...context, folder: file });
  for (let i = 0; i < 3; i++) await read(context, i * BLOCK_BYTES, 10);
  assert.is(context.fetched.length, 3);
  assert.is(context.warnings.length, 1);
  assert.match(context.warnings[0], "samples are read without it");
});

test("a segment that cannot be made is one warning, and reads go on", async (context) => {
  for (let i = 0; i < 256; i++)
    writeFileSync(join(context.folder, i.toString(16).padStart(2, "0")), "in the way");
  for (let i = 0; i < 3; i++) await read(context, i * BLOCK_BYTES, 10);
  await reopen(context);
  assert.is(context.warnings.length, 1);
});

test("a failed fetch is its caller's error, and the next one fetches again", async (context) => {
  const failing = context.cache.read(URL, VERSION, { offset: 0, length: 10 }, () =>
    Promise.reject(new Error("cut")),
  );
  try {
    await failing;
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, "cut");
  }
  await read(context, 0, 10);
});

test("two processes and a third that is killed leave a cache that is right", async (context) => {
  const script = fileURLToPath(new globalThis.URL("./cache-process.js", import.meta.url));
  const children = [1, 2, 3].map((seed) => fork(script, [context.folder, `${seed}`], { stdio: "inherit" }));
  const doneOf = (child: ChildProcess) =>
    new Promise<number | null>((resolve) => child.once("exit", resolve));
  const done = children.map(doneOf);
  for (let i = 0; i < 4; i++) {
    await delay(150);
    children[2].kill("SIGKILL");
    await done[2];
    children[2] = fork(script, [context.folder, `${i + 4}`], { stdio: "inherit" });
    done[2] = doneOf(children[2]);
  }
  assert.equal(await Promise.all(done), [0, 0, 0]);
  await reopen(context);
  for (let i = 0; i < 200; i++) await read(context, (i * 7_919_777) % (SEGMENT_BYTES - 110_000), 110_000);
  assert.is(context.cache.counts.damagedBlocks, 0);
  mkdirSync(context.folder, { recursive: true });
});

test.run();
