// JPEG damage: broken files give typed errors that say where, or their intact part; never a trap or a hang.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Region } from "../../assembly/image/contract.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { type DecodedImage, type DecodeOptions, decode, readHeader } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import type { ManifestRow } from "../conformance/manifest.js";
import { fixture, fixtureRows, generator } from "./jpeg-fixtures.js";

const module = await createImageModule(nodeHost());

function attempt(bytes: Uint8Array, options: DecodeOptions = {}): DecodedImage | VitrineError {
  try {
    return decode(module, bytes, options);
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
}

function refusal(name: string, options: DecodeOptions = {}): VitrineError {
  const result = attempt(fixture(name), { name: `${name}.jpg`, ...options });
  if (!isVitrineError(result)) throw new Error(`${name} was decoded`);
  return result;
}

const CODES: Record<string, string> = {
  broken_truncated: "jpeg/truncated",
  broken_header_only: "jpeg/truncated",
  broken_mid_header: "jpeg/truncated",
  broken_lost_restart: "jpeg/corrupt",
  broken_no_tables: "jpeg/corrupt",
  broken_height_0: "jpeg/corrupt",
  broken_huge: "jpeg/too-large",
  broken_12_bit: "jpeg/unsupported-precision",
  broken_empty: "jpeg/not-jpeg",
  broken_png: "jpeg/not-jpeg",
  broken_garbage: "jpeg/not-jpeg",
};

for (const [name, code] of Object.entries(CODES)) {
  test(`${name} is refused as ${code}, and the text starts with the file's name`, () => {
    const error = refusal(name);
    assert.is(error.code, code);
    assert.ok(error.message.startsWith(`${name}.jpg: `), error.message);
    assert.not.match(error.message, /\n/);
  });
}

for (const [frame, code] of [
  [0xc3, "jpeg/unsupported-lossless"],
  [0xc6, "jpeg/unsupported-hierarchical"],
  [0xc9, "jpeg/unsupported-arithmetic"],
  [0xca, "jpeg/unsupported-arithmetic"],
] as const) {
  test(`a frame of kind ${frame.toString(16)} is refused as ${code}`, () => {
    const file = fixture("420_shapes").slice();
    const at = Buffer.from(file).indexOf(Buffer.from([0xff, 0xc0]));
    file[at + 1] = frame;
    const result = attempt(file);
    assert.ok(isVitrineError(result) && result.code === code && result.details.offset === at);
  });
}

test("sampling factors that do not divide the largest are refused with the factors in the text", () => {
  const file = fixture("420_shapes").slice();
  const at = Buffer.from(file).indexOf(Buffer.from([0xff, 0xc0]));
  file[at + 11] = 0x31;
  file[at + 14] = 0x21;
  const result = attempt(file);
  assert.ok(isVitrineError(result) && result.code === "jpeg/unsupported-sampling");
  assert.match(String((result as VitrineError).message), /3x1,2x1,1x1/);
});

test("a truncated scan names its last byte, its row and the option that keeps the intact rows", () => {
  const error = refusal("broken_truncated");
  assert.match(error.message, /scan data ends at byte 1,148, row \d+ of 45 \(decode with \{partial: true\}/);
  assert.is(error.details.offset, 1148);
  assert.is(error.details.allowed, 45);
});

test("partial keeps the intact rows and reports how many", () => {
  const whole = decode(module, fixture("420_shapes"));
  const kept = decode(module, fixture("broken_truncated"), { partial: true });
  assert.is(kept.width, 67);
  assert.is(kept.height, 45);
  assert.ok(kept.rowsDecoded > 0 && kept.rowsDecoded < 45);
  // The last of these rows interpolates chroma with the row below, which is lost.
  const same = (kept.rowsDecoded - 1) * 67 * 3;
  assert.equal(kept.data.subarray(0, same), whole.data.subarray(0, same));
  assert.is(kept.data.at(-1), 128);
});

test("after a lost restart marker, the following intervals are in the right position", () => {
  const whole = decode(module, fixture("444_restart_units"));
  const kept = decode(module, fixture("broken_lost_restart"), { partial: true });
  let differing = 0;
  for (let i = 0; i < whole.data.length; i++) if (whole.data[i] !== kept.data[i]) differing++;
  assert.ok(differing > 0 && differing < whole.data.length / 3, `${differing} bytes differ`);
});

test("the pixel limit is an option and is checked before memory is reserved", () => {
  const before = module.memoryBytes();
  const error = refusal("broken_huge");
  assert.match(error.message, /claims 4,261,478,400 pixels, allowed are 178,956,970 \(option pixelLimit\)/);
  assert.is(module.memoryBytes(), before);
  assert.is(refusal("420_shapes", { pixelLimit: 67 * 45 - 1 }).code, "jpeg/too-large");
  assert.is(decode(module, fixture("420_shapes"), { pixelLimit: 67 * 45 }).width, 67);
});

test("the header of every file that has one is read, even of kinds that are not decoded", () => {
  for (const row of fixtureRows().filter(({ status }) => status === "ok")) {
    const header = readHeader(module, fixture(row.file.slice(0, -4)));
    assert.is(header.width, row.width);
    assert.is(header.height, row.height);
    assert.is(header.sampling, row.sampling);
    assert.is(header.frame, { C0: "baseline", C1: "extended", C2: "progressive" }[row.sof as "C0"]);
  }
  assert.is(readHeader(module, fixture("broken_header_only")).height, 45);
  assert.is(readHeader(module, fixture("broken_12_bit")).precision, 12);
});

test("a frame header after a megabyte of other segments is found", () => {
  const file = fixture("420_shapes");
  const segment = new Uint8Array(65_537).fill(7);
  segment.set([0xff, 0xed, 0xff, 0xff]);
  const parts = [file.subarray(0, 2), ...Array<Uint8Array>(16).fill(segment), file.subarray(2)];
  const far = new Uint8Array(Buffer.concat(parts));
  assert.is(readHeader(module, far).width, 67);
  assert.equal(decode(module, far).data, decode(module, file).data);
});

test("every prefix of a file is a typed error or a picture of its size", () => {
  for (const name of ["420_shapes", "444_restart_units", "progressive_422_restart", "separate_420_shapes"]) {
    const bytes = fixture(name);
    for (let length = 0; length < bytes.length; length += name === "420_shapes" ? 1 : 7) {
      for (const partial of [false, true]) {
        const result = attempt(bytes.subarray(0, length), { partial });
        if (isVitrineError(result)) assert.match(result.code, /^jpeg\//);
        else assert.is(result.data.length, result.width * result.height * 3);
      }
    }
  }
});

test("random damage is a typed error or a picture, and the next file decodes correctly", () => {
  const next = generator(20_26);
  const files = fixtureRows().filter(({ status }) => status === "ok");
  const control = fixture("420_restart_rows");
  const expected = decode(module, control).data;
  for (let round = 0; round < 3000; round++) {
    const { file } = files[next() % files.length] as ManifestRow;
    const bytes = fixture(file.slice(0, -4)).slice();
    for (let flips = (next() % 4) + 1; flips > 0; flips--) bytes[next() % bytes.length] = next() & 255;
    const result = attempt(bytes, { partial: (round & 1) === 1, pixelLimit: 1 << 20 });
    if (isVitrineError(result)) assert.match(result.code, /^jpeg\//, result.message);
    if (round % 100 === 0) assert.equal(decode(module, control).data, expected);
  }
});

test("a trap becomes a typed error and the next call gets a fresh instance", () => {
  const outside = () =>
    module.run("photo.jpg", ({ exports }) => exports.testInverseTransform(0, 0xfff0_0000, 0, 0, 63));
  assert.throws(outside, (error: unknown) => isVitrineError(error) && error.code === "image/trap");
  assert.is(decode(module, fixture("420_shapes")).width, 67);
});

test("a memory limit is a typed error that names the option", async () => {
  const small = await createImageModule(nodeHost(), { memoryLimitMiB: 1 });
  const bytes = new Uint8Array(900_000);
  const reserve = () => small.run(undefined, (call) => call.reserve(Region.Input, 2 * bytes.length));
  assert.throws(reserve, (error: unknown) => isVitrineError(error) && error.code === "image/out-of-memory");
  assert.is(decode(small, fixture("420_shapes")).width, 67);
});

test.run();
