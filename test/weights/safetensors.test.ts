// Safetensors: written files read back unchanged, and no header is trusted.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import {
  floatTensors,
  readSafetensors,
  type StoredTensor,
  storedFloats,
  writeSafetensors,
} from "../../runtime/weights/safetensors.js";

const ONE_OF_EACH: [string, StoredTensor][] = [
  ["double", { dtype: "F64", shape: [2], data: Float64Array.of(Math.PI, -0) }],
  ["float", { dtype: "F32", shape: [1, 3], data: Float32Array.of(1.5, -2, 1e-40) }],
  ["half", { dtype: "F16", shape: [2], data: Uint16Array.of(0x3c00, 0xc100) }],
  ["bfloat", { dtype: "BF16", shape: [1], data: Uint16Array.of(0x4049) }],
  ["long", { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 60n)) }],
  ["int", { dtype: "I32", shape: [2], data: Int32Array.of(-1, 7) }],
  ["signed bytes", { dtype: "I8", shape: [2, 1], data: Int8Array.of(-128, 127) }],
  ["signed bytes_scale", { dtype: "F32", shape: [2], data: Float32Array.of(0.5, 2) }],
  ["bytes", { dtype: "U8", shape: [3, 1], data: Uint8Array.of(1, 2, 3) }],
  ["scalar", { dtype: "F32", shape: [], data: Float32Array.of(4) }],
  ["empty", { dtype: "F32", shape: [0, 5], data: new Float32Array() }],
];

/** A file from a header that may be wrong, with `dataBytes` zero bytes of data. */
function fileOf(header: unknown, dataBytes: number, claimedLength?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimedLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function refusal(bytes: Uint8Array): string {
  try {
    readSafetensors(bytes, "model.safetensors");
  } catch (error) {
    assert.instance(error, VitrineError);
    const { code, message } = error as VitrineError;
    assert.is(code, "weights/safetensors");
    assert.ok(message.startsWith("model.safetensors: "));
    return message;
  }
  throw new Error("was not refused");
}

test("every type of tensor reads back as it was written, at any alignment of the file in memory", () => {
  const written = writeSafetensors(new Map(ONE_OF_EACH), { format: "pt" });
  for (const shift of [0, 1, 2, 3, 5, 7]) {
    const memory = new Uint8Array(written.length + shift);
    memory.set(written, shift);
    const { tensors, metadata } = readSafetensors(memory.subarray(shift), "file");
    assert.equal(metadata, { format: "pt" });
    assert.equal(tensors.size, ONE_OF_EACH.length);
    for (const [name, tensor] of ONE_OF_EACH) assert.equal(tensors.get(name), tensor);
  }
});

test("views share the file's memory where a tensor is aligned in it, and are copies elsewhere", () => {
  const written = writeSafetensors(new Map(ONE_OF_EACH));
  for (const shift of [0, 1, 4]) {
    const memory = new Uint8Array(written.length + shift);
    memory.set(written, shift);
    const { tensors } = readSafetensors(memory.subarray(shift), "file", true);
    for (const [name, { data, ...rest }] of ONE_OF_EACH) {
      assert.equal(tensors.get(name), { ...rest, data });
      const isAligned = shift % data.BYTES_PER_ELEMENT === 0;
      assert.is(tensors.get(name)?.data.buffer === memory.buffer, isAligned, `${name} at ${shift}`);
    }
  }
});

test("the same content gives the same bytes in any order, with aligned data", () => {
  const forward = writeSafetensors(new Map(ONE_OF_EACH), { a: "1", b: "2" });
  const backward = writeSafetensors(new Map([...ONE_OF_EACH].reverse()), { b: "2", a: "1" });
  assert.equal(forward, backward);
  assert.is(new DataView(forward.buffer).getBigUint64(0, true) % 8n, 0n);
});

test("a file without metadata has no entry for it", () => {
  const bytes = writeSafetensors(storedFloats(new Map([["x", { shape: [1], data: Float32Array.of(1) }]])));
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  assert.equal(Object.keys(header), ["x"]);
});

test("a tensor whose values do not fill its shape is not written", () => {
  const wrong = storedFloats(new Map([["head.bias", { shape: [3], data: new Float32Array(2) }]]));
  assert.throws(() => writeSafetensors(wrong), /"head.bias" of F32 \[3\] needs 12 bytes, got 8/);
});

test("tensors of types that no weight has are left out by name", () => {
  const x = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const mask = { dtype: "BOOL", shape: [3], data_offsets: [8, 11] };
  const scaled = { dtype: "F8_E4M3", shape: [2], data_offsets: [11, 13] };
  const { tensors, ignored } = readSafetensors(fileOf({ x, mask, scaled }, 13), "file");
  assert.equal([...tensors.keys()], ["x"]);
  assert.equal(ignored, ['"mask" (BOOL)', '"scaled" (F8_E4M3)']);
});

test("hostile headers are refused, naming what is wrong", () => {
  const entry = (changes: object) => ({ dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes });
  const second = (from: number, to: number) => ({ x: entry({}), y: entry({ data_offsets: [from, to] }) });
  const cases: [RegExp, Uint8Array][] = [
    [/too few for a header/, new Uint8Array(7)],
    [/claims 18446744073709552000 bytes/, fileOf({}, 0, 2n ** 64n - 1n)],
    [/claims 3 bytes of 2/, fileOf({}, 0, 3n)],
    [/are not JSON/, fileOf("{nonsense", 8)],
    [/not a JSON object/, fileOf("[]", 8)],
    [/"x" has type F8; allowed: F64, F32/, fileOf({ x: entry({ dtype: "F8" }) }, 8)],
    [
      /"x" has type \{"toString":1,"valueOf":1\}; allowed/,
      fileOf({ x: entry({ dtype: { toString: 1, valueOf: 1 } }) }, 8),
    ],
    [/"x" of BOOL \[2\] takes 2 bytes, its offsets span 8/, fileOf({ x: entry({ dtype: "BOOL" }) }, 8)],
    [/"x" has type toString/, fileOf({ x: entry({ dtype: "toString" }) }, 8)],
    [/shape must be a list of whole numbers/, fileOf({ x: entry({ shape: [-2] }) }, 8)],
    [/shape must be a list of whole numbers/, fileOf({ x: entry({ shape: [1e300] }) }, 8)],
    [/two ascending whole numbers/, fileOf({ x: entry({ data_offsets: [8, 0] }) }, 8)],
    [/two ascending whole numbers/, fileOf({ x: entry({ data_offsets: [0] }) }, 8)],
    [/ends at data byte 8, but the file holds 4/, fileOf({ x: entry({}) }, 4)],
    [/takes 12 bytes, its offsets span 8/, fileOf({ x: entry({ shape: [3] }) }, 8)],
    [/takes .* bytes, its offsets span 8/, fileOf({ x: entry({ shape: [2 ** 40, 2 ** 40] }) }, 8)],
    [/"y" overlaps the tensor before it/, fileOf(second(4, 12), 16)],
    [/"y" leaves 4 bytes unused before it/, fileOf(second(12, 20), 20)],
    [/3 bytes at the end belong to no tensor/, fileOf({ x: entry({}) }, 11)],
    [/__metadata__ .* strings only/, fileOf({ __metadata__: { a: 1 }, x: entry({}) }, 8)],
    [/entry is not an object/, fileOf({ x: null }, 0)],
  ];
  for (const [expected, bytes] of cases) assert.match(refusal(bytes), expected);
});

test("a file that is truncated anywhere is refused", () => {
  const whole = writeSafetensors(new Map(ONE_OF_EACH));
  for (let length = 0; length < whole.length; length++) refusal(whole.subarray(0, length));
});

test("a changed byte gives other values or a typed error, never an untyped one", () => {
  const whole = writeSafetensors(new Map(ONE_OF_EACH));
  let refused = 0;
  for (let place = 0; place < whole.length; place++)
    for (const value of [0x00, 0x22, 0x39, 0x7d, 0xff]) {
      const changed = whole.slice();
      changed[place] = value;
      try {
        readSafetensors(changed, "file");
      } catch (error) {
        assert.instance(error, VitrineError);
        refused++;
      }
    }
  assert.ok(refused > 100);
});

/** The pattern from float32's: sign, rebiased exponent, shifted mantissa; subnormals computed as multiples. */
function halfByFloatBits(bits: number): number {
  const [exponent, mantissa] = [(bits >> 10) & 31, bits & 1023];
  const word = new DataView(new ArrayBuffer(4));
  const moved = exponent === 31 ? 255 : exponent + 112;
  word.setUint32(0, ((bits & 0x8000) << 16) | (moved << 23) | (mantissa << 13));
  if (exponent > 0) return word.getFloat32(0);
  return (bits & 0x8000 ? -1 : 1) * (mantissa / 1024) * 2 ** -14;
}

test("every half and bfloat pattern becomes its own float32", () => {
  const patterns = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const file = readSafetensors(
    writeSafetensors(
      new Map<string, StoredTensor>([
        ["half", { dtype: "F16", shape: [65536], data: patterns }],
        ["bfloat", { dtype: "BF16", shape: [65536], data: patterns }],
      ]),
    ),
    "file",
  );
  const floats = floatTensors(file);
  const [half, bfloat] = ["half", "bfloat"].map((name) => floats.get(name)?.data as Float32Array);
  const words = new DataView(new ArrayBuffer(4));
  for (let bits = 0; bits < 65536; bits++) {
    words.setUint32(0, bits << 16);
    if (!Object.is(half?.[bits], halfByFloatBits(bits))) assert.unreachable(`half ${bits.toString(16)}`);
    if (!Object.is(bfloat?.[bits], words.getFloat32(0))) assert.unreachable(`bfloat ${bits.toString(16)}`);
  }
});

test("integer tensors are not weights, except int8 with its scales", () => {
  const floats = floatTensors(readSafetensors(writeSafetensors(new Map(ONE_OF_EACH)), "file"));
  const names = ["bfloat", "double", "empty", "float", "half", "scalar", "signed bytes"];
  assert.equal([...floats.keys()].sort(), names);
  assert.equal([...(floats.get("signed bytes")?.data ?? [])], [-64, 254]);
});

test("more tensors than any model has are refused before each is checked", () => {
  const entry = { dtype: "F32", shape: [0], data_offsets: [0, 0] };
  const header = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`t${i}`, entry]));
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  assert.throws(() => readSafetensors(bytes, "many"), /many: it holds 70000 tensors; allowed: at most 65536/);
});

test.run();
