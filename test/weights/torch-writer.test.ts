// Torch writer: a written file is read back bit for bit, is aligned as PyTorch aligns it, and its checksums are right.

import { crc32 as nodeCrc32 } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bfloatsToFloats, floatsToBfloats } from "../../runtime/weights/half-float.js";
import type { StoredTensor } from "../../runtime/weights/safetensors.js";
import { readTorchFile } from "../../runtime/weights/torch-file.js";
import { writeTorchFile } from "../../runtime/weights/torch-writer.js";
import { storedFloatsAs } from "../../runtime/weights/weight-dtype.js";
import { readZip } from "../../runtime/weights/zip.js";
import { crc32, writeZip } from "../../runtime/weights/zip-writer.js";

const floats = (...values: number[]) => Float32Array.from(values);

const WEIGHTS = new Map([
  ["b.weight", { shape: [2, 3], data: floats(1, -2, 0.5, 1e-8, 3e38, 0) }],
  ["a.bias", { shape: [3], data: floats(7, 8, 9) }],
  ["größe", { shape: [], data: floats(0.1) }],
  ["empty", { shape: [0, 4], data: floats() }],
]);

test("every number format comes back bit for bit, in the same order", () => {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const stored = storedFloatsAs(WEIGHTS, dtype);
    const { tensors } = readTorchFile(writeTorchFile(stored), "model.pth");
    assert.equal([...tensors], [...stored]);
  }
  const halves: Map<string, StoredTensor> = new Map([
    ["h", { dtype: "F16", shape: [3], data: Uint16Array.of(0, 0x3c00, 0xfbff) }],
    ["d", { dtype: "F64", shape: [1], data: Float64Array.of(Math.PI) }],
  ]);
  assert.equal([...readTorchFile(writeTorchFile(halves), "model.pth").tensors], [...halves]);
});

test("the same tensors give the same bytes", () => {
  const stored = storedFloatsAs(WEIGHTS, "float32");
  assert.equal(writeTorchFile(stored), writeTorchFile(stored));
});

test("data starts at multiples of 64 bytes, and the entries are torch.save's", () => {
  const bytes = writeTorchFile(storedFloatsAs(WEIGHTS, "float32"));
  const entries = readZip(bytes, "model.pth");
  const names = ["data.pkl", "byteorder", "data/0", "data/1", "data/2", "data/3", "version"];
  assert.equal(
    [...entries.keys()],
    names.map((name) => `archive/${name}`),
  );
  for (const [name, data] of entries) assert.is((data.byteOffset - bytes.byteOffset) % 64, 0, name);
});

test("checksums are CRC-32", () => {
  const bytes = Uint8Array.from({ length: 1003 }, (_, index) => (index * 167) & 255);
  for (const length of [0, 1, 2, 3, 4, 5, 63, 1003])
    assert.is(crc32(bytes.subarray(0, length)), nodeCrc32(bytes.subarray(0, length)));
  const data = new TextEncoder().encode("123456789");
  const archive = writeZip(new Map([["digits", data]]), "test");
  // The local header's field, and the check value of the polynomial.
  assert.is(new DataView(archive.buffer).getUint32(14, true), 0xcbf43926);
});

test("bfloat16 rounds to the nearest, halves to even, and keeps infinities and NaN", () => {
  const cases: [number, number][] = [
    [1, 0x3f80],
    [1 + 2 ** -8, 0x3f80],
    [1 + 3 * 2 ** -8, 0x3f82],
    [1 + 2 ** -8 + 2 ** -20, 0x3f81],
    [-1 - 2 ** -8 - 2 ** -20, 0xbf81],
    [3.4e38, 0x7f80],
    [Number.POSITIVE_INFINITY, 0x7f80],
    [2 ** -149, 0],
    [-0, 0x8000],
  ];
  for (const [value, wanted] of cases) assert.is(floatsToBfloats(floats(value))[0], wanted, `${value}`);
  assert.ok(Number.isNaN(bfloatsToFloats(floatsToBfloats(floats(Number.NaN)))[0]));
  const signaling = new Float32Array(Uint32Array.of(0x7f800001).buffer);
  assert.ok(Number.isNaN(bfloatsToFloats(floatsToBfloats(signaling))[0]));
  // Every bfloat16 is its own rounding.
  const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits).filter(
    (bits) => (bits & 0x7f80) !== 0x7f80,
  );
  assert.equal(floatsToBfloats(bfloatsToFloats(all)), all);
});

test.run();
