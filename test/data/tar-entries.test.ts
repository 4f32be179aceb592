// Tar entries: names, offsets and sizes as the programs that write tar files mean them; what is damaged is an error with
// its offset.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { readTarEntries, type TarSource } from "../../server/data/shards/tar-entries.js";
import { tarHeader } from "../../server/data/shards/tar-writer.js";
import { tarFile } from "./tar-file.js";

const test = suite("tar entries");

/** A source that checks what it is asked for: inside the archive, and never backward. */
function sourceOf(bytes: Uint8Array, reads: [number, number][] = []): TarSource {
  let last = 0;
  return {
    bytes: bytes.length,
    read(offset, length) {
      assert.ok(offset >= last && offset + length <= bytes.length, `read of ${length} bytes at ${offset}`);
      last = offset;
      reads.push([offset, length]);
      return bytes.subarray(offset, offset + length);
    },
    close() {},
  };
}

async function listed(bytes: Uint8Array): Promise<[name: string, content: string, isFile: boolean][]> {
  const entries: [string, string, boolean][] = [];
  for await (const { name, offset, size, isFile } of readTarEntries(sourceOf(bytes), "x.tar"))
    entries.push([
      Buffer.from(name).toString(),
      Buffer.from(bytes.subarray(offset, offset + size)).toString(),
      isFile,
    ]);
  return entries;
}

async function refusal(bytes: Uint8Array) {
  const error = await listed(bytes).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error), String(error));
  assert.is(error.code, "data/bad-shard");
  assert.match(error.message, /^x\.tar: .*, at byte [\d,]+$/);
  return error;
}

/** A block with fields changed and its checksum right again. */
function withFields(block: Uint8Array, fields: readonly [at: number, text: string | Uint8Array][]): Buffer {
  const changed = Buffer.from(block);
  for (const [at, text] of fields) changed.set(Buffer.from(text as string), at);
  changed.fill(0x20, 148, 156);
  const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return changed;
}

const END = new Uint8Array(1024);
function pad(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
const file = (name: string, size: number) => tarHeader(Buffer.from(name), size);

test("files of every length are found, and only headers are read", async () => {
  const contents = [0, 1, 511, 512, 513, 70_000].map((size) => "x".repeat(size));
  const bytes = tarFile(contents.map((content, i) => [`./folder/${i}.jpg`, content]));
  assert.equal(
    await listed(bytes),
    contents.map((content, i) => [`folder/${i}.jpg`, content, true]),
  );
  const reads: [number, number][] = [];
  for await (const entry of readTarEntries(sourceOf(bytes, reads), "x.tar")) assert.ok(entry.isFile);
  assert.equal(
    reads.map(([, length]) => length),
    new Array(contents.length + 1).fill(512),
  );
});

test("names longer than 100 bytes are read from pax, ustar's prefix, and GNU's long name", async () => {
  const long = `${"a/".repeat(200)}é.jpg`;
  assert.equal(
    await listed(
      tarFile([
        [long, "1"],
        ["b.jpg", "2"],
      ]),
    ),
    [
      [long, "1", true],
      ["b.jpg", "2", true],
    ],
  );
  const prefixed = withFields(file("x.jpg", 1), [[345, "some/folder"]]);
  assert.equal(await listed(Buffer.concat([prefixed, pad("1"), END])), [["some/folder/x.jpg", "1", true]]);
  const gnu = withFields(file("././@LongLink", long.length + 2), [
    [156, "L"],
    [257, "ustar  \0"],
  ]);
  // What ustar has as prefix are times in GNU's format.
  const own = withFields(file(long.slice(0, 100), 1), [
    [257, "ustar  \0"],
    [345, "13577"],
  ]);
  const both = Buffer.concat([gnu, pad(`${long}\0`), own, pad("1"), file("b.jpg", 1), pad("2"), END]);
  assert.equal(await listed(both), [
    [long, "1", true],
    ["b.jpg", "2", true],
  ]);
});

test("sizes in base 256 and in pax are read; the ustar field is not", async () => {
  const base256 = withFields(file("a.jpg", 0), [[124, Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)]]);
  assert.equal(await listed(Buffer.concat([base256, pad("abc"), END])), [["a.jpg", "abc", true]]);
  const own = file("b.jpg", 7);
  const right = withFields(file("PaxHeader", 9), [[156, "x"]]);
  assert.equal(await listed(Buffer.concat([right, pad("9 size=2\n"), own, pad("ab"), END])), [
    ["b.jpg", "ab", true],
  ]);
});

test("folders, links and devices are no files and have no content; old archives have no magic", async () => {
  const kinds = ["1", "2", "3", "4", "5", "6"].map((type) =>
    withFields(file(`kind-${type}`, 0), [
      [156, type],
      [124, "00000001000\0"],
    ]),
  );
  const old = withFields(file("old.jpg", 2), [
    [156, "\0"],
    [257, "\0\0\0\0\0\0\0\0"],
  ]);
  const global = withFields(file("g", 19), [[156, "g"]]);
  const bytes = Buffer.concat([...kinds, global, pad("19 comment=abcdefg\n"), old, pad("ab"), END]);
  assert.equal(await listed(bytes), [
    ...["1", "2", "3", "4", "5", "6"].map((type) => [`kind-${type}`, "", false]),
    ["old.jpg", "ab", true],
  ]);
});

test("an archive that is cut anywhere is an error with its offset", async () => {
  const bytes = tarFile([
    ["a.jpg", "x".repeat(1000)],
    ["b.jpg", "y"],
  ]);
  for (const length of [0, 100, 512, 600, 1511, 1536, 2000, 2048, 2049, 2560, bytes.length - 1024]) {
    const { message } = await refusal(bytes.subarray(0, length));
    assert.match(message, /the archive is cut/, `${length} bytes`);
  }
  assert.is((await listed(bytes.subarray(0, bytes.length - 512))).length, 2, "one block of zeros is an end");
  assert.match((await refusal(bytes.subarray(0, 600))).message, /ends at byte 1,512 of 600, at byte 0/);
});

test("any changed byte of a header is an error, or changes nothing that matters", async () => {
  const bytes = tarFile([
    ["a.jpg", "x".repeat(600)],
    ["b.jpg", "y"],
  ]);
  for (let at = 0; at < 512; at++) {
    const changed = Buffer.from(bytes);
    changed[at] ^= 0x01;
    const outcome = await listed(changed).catch((error: unknown) => error);
    if (isVitrineError(outcome)) assert.is(outcome.code, "data/bad-shard");
    // The checksum's own terminators.
    else assert.ok(at >= 154 && at < 156, `byte ${at}`);
  }
});

test("sizes and extended headers that cannot be are errors, and take neither time nor memory", async () => {
  const negative = Uint8Array.of(0xff, ...new Array(11).fill(0xff));
  const huge = Uint8Array.of(0x80, ...new Array(11).fill(0x7f));
  const sized = (size: string | Uint8Array, type = "0") =>
    Buffer.concat([
      withFields(file("a", 0), [
        [124, size],
        [156, type],
      ]),
      END,
    ]);
  const cases: [bytes: Uint8Array, says: RegExp][] = [
    [sized(negative), /impossible size/],
    [sized(huge), /impossible size|cut/],
    [sized("-0000000001\0"), /impossible size/],
    [sized("99999999999\0"), /impossible size/],
    [sized("77777777777\0"), /the archive is cut/],
    [sized("77777777777\0", "x"), /the archive is cut/],
    [sized("00000000001\0", "S"), /sparse/],
    [
      Buffer.concat([sized("00020000000\0", "L").subarray(0, 512), Buffer.alloc(2 ** 23)]),
      /extended header of/,
    ],
    [Buffer.concat([sized("00000000010\0", "x").subarray(0, 512), pad("no pax "), END]), /cannot be read/],
    [Buffer.concat([sized("00000000010\0", "x").subarray(0, 512), pad("99 a=b\n "), END]), /cannot be read/],
    [Buffer.concat([sized("00000000010\0", "x").subarray(0, 512), pad("8 abcdef\n"), END]), /cannot be read/],
    [Buffer.from("no tar at all".repeat(100)), /no tar header/],
    [Buffer.alloc(2 ** 21), /2,097,152 bytes follow the end of the archive, at byte 0/],
  ];
  for (const [bytes, says] of cases) assert.match((await refusal(bytes)).message, says);
});

test.run();
