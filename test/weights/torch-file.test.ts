// PyTorch files: honest ones give their tensors, and hostile ones a typed error within their size and a moment.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { WeightFileOptions } from "../../runtime/weights/torch-file.js";
import { readWeightFile } from "../../runtime/weights/weight-file.js";
import {
  dict,
  floats,
  int,
  join,
  pickle,
  storage,
  tensor,
  text,
  torchLegacy,
  torchZip,
  u32,
  zip,
} from "./torch-bytes.js";

const SIX = floats(1, 2, 3, 4, 5, 6);
const WEIGHT = tensor(storage("FloatStorage", "0", 6), [2, 3], [3, 1]);

/** [name, type, shape, values] of every tensor. */
function read(bytes: Uint8Array, options?: WeightFileOptions): unknown[] {
  const { tensors } = readWeightFile(bytes, "model.pth", options);
  return Array.from(tensors, ([name, { dtype, shape, data }]) => [
    name,
    dtype,
    shape,
    Array.from(data, Number),
  ]);
}

/** `code: text` of the error that reading gives. */
function failure(bytes: Uint8Array, options?: WeightFileOptions): string {
  try {
    readWeightFile(bytes, "model.pth", options);
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "read";
}

const WANTED = [["a", "F32", [2, 3], [1, 2, 3, 4, 5, 6]]];

test("a zip file, one with zip64 fields and a legacy file give the same tensors", () => {
  const body = dict({ a: WEIGHT });
  assert.equal(read(torchZip(body, { 0: SIX })), WANTED);
  assert.equal(read(torchZip(body, { 0: SIX }, { zip64: true })), WANTED);
  const legacy = dict({ a: tensor(storage("FloatStorage", "0", 6, true), [2, 3], [3, 1]) });
  assert.equal(read(torchLegacy(legacy, "0", SIX, 4)), WANTED);
});

test("strides and offsets are honored", () => {
  const from = storage("FloatStorage", "0", 6);
  const transposed = tensor(from, [3, 2], [1, 3]);
  const row = tensor(from, [3], [1], 3);
  const file = torchZip(dict({ transposed, row, scalar: tensor(from, [], [], 5) }), { 0: SIX });
  assert.equal(read(file), [
    ["transposed", "F32", [3, 2], [1, 4, 2, 5, 3, 6]],
    ["row", "F32", [3], [4, 5, 6]],
    ["scalar", "F32", [], [6]],
  ]);
});

test("all floating-point types are read, integers left out, parameters unwrapped", () => {
  const of = (kind: string, key: string, length: number) => tensor(storage(kind, key, length), [length], [1]);
  const parameter = join("ctorch._utils\n_rebuild_parameter\n", of("HalfStorage", "h", 1), "\x89}\x87R");
  const entries = { d: of("DoubleStorage", "d", 1), h: parameter, b: of("BFloat16Storage", "b", 1) };
  const counter = of("LongStorage", "n", 1);
  const storages = { d: new Uint8Array(8), h: join(0, 0x3c), b: join(0x80, 0x3f), n: new Uint8Array(8) };
  assert.equal(read(torchZip(dict({ ...entries, num_batches_tracked: counter }), storages)), [
    ["d", "F64", [1], [0]],
    ["h", "F16", [1], [0x3c00]],
    ["b", "BF16", [1], [0x3f80]],
  ]);
});

test("a training checkpoint: the model, or its average, beside arguments and metrics that mean nothing", () => {
  const other = tensor(storage("FloatStorage", "1", 6), [2, 3], [3, 1]);
  const args = join("cargparse\nNamespace\n)\x81", dict({ lr: int(1) }), "b");
  const scalar = join("cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(", text("f8"), "\x89\x88tRC\x01atR");
  const file = torchZip(dict({ model: dict({ a: WEIGHT }), model_ema: dict({ a: other }), args, scalar }), {
    0: SIX,
    1: floats(6, 5, 4, 3, 2, 1),
  });
  assert.equal(read(file), WANTED);
  assert.equal(read(file, { ema: true }), [["a", "F32", [2, 3], [6, 5, 4, 3, 2, 1]]]);
  const [notice] = readWeightFile(file, "model.pth").notices;
  assert.match(notice, /those of "model"; "model_ema" holds their moving average/);
  const plain = torchZip(dict({ state_dict: dict({ module: dict({ a: WEIGHT }) }) }), { 0: SIX });
  assert.equal(read(plain), WANTED);
  assert.match(failure(plain, { ema: true }), /^weights\/average: /);
  const dino = torchZip(dict({ teacher: dict({ "module.backbone.a": WEIGHT }), epoch: int(3) }), { 0: SIX });
  assert.equal(read(dino), WANTED);
});

test("prefixes of wrappers are removed and said; two tensors of one name are refused", () => {
  const file = torchZip(dict({ "module._orig_mod.a": WEIGHT }), { 0: SIX });
  assert.equal(read(file), WANTED);
  assert.equal(readWeightFile(file, "model.pth").notices, [
    "removed from the tensors' names: module., _orig_mod.",
  ]);
  const twice = torchZip(dict({ "module.a": WEIGHT, a: WEIGHT }), { 0: SIX });
  assert.match(failure(twice), /^weights\/duplicate-tensor: .*"a"/);
});

const CALLS: [global: string, body: Uint8Array][] = [
  ["os.system", join("cos\nsystem\n", text("touch /tmp/x"), "\x85R")],
  ["posix.system", join(text("posix"), text("system"), "\x93", text("id"), "\x85R")],
  ["builtins.eval", join("cbuiltins\neval\n", text("1"), "\x85R")],
  ["__builtin__.exec", join("(", text("1"), "i__builtin__\nexec\n")],
  ["torch.nn.modules.linear.Linear", join("ctorch.nn.modules.linear\nLinear\n)\x81")],
  ["collections.OrderedDict.fromkeys", join(text("collections"), text("OrderedDict.fromkeys"), "\x93")],
  ["copyreg.extension.7", join("\x82\x07")],
  ["constructor.constructor", join("cconstructor\nconstructor\n)R")],
];

test("a global beyond the allowed ones is refused by its name, in every form of file", () => {
  for (const [name, body] of CALLS) {
    const refused = `weights/pickle-global: model.pth: the pickle names ${name}, which is not read`;
    for (const bytes of [torchZip(body, {}), torchLegacy(body, "0", SIX, 4), pickle(body), join(body, ".")])
      assert.is(failure(bytes).slice(0, refused.length), refused);
  }
});

test("an archive with two entries of one name is refused, since programs disagree which one counts", () => {
  const bytes = zip({ "archive/data.pkl": pickle("N"), "archive/data.pkm": pickle("N") });
  const twice = Buffer.from(
    Buffer.from(bytes).toString("latin1").replaceAll("data.pkm", "data.pkl"),
    "latin1",
  );
  assert.match(failure(new Uint8Array(twice)), /two entries are called archive\/data\.pkl/);
});

test("streams that ask for memory or time get a typed error", () => {
  const deep = join("]".repeat(100_000), "a".repeat(99_999));
  let bomb = join("]q\x00");
  for (let level = 0; level < 200; level++) bomb = join(bomb, "0(h\x00h\x00h\x00h\x00lq\x00");
  const cases: Uint8Array[] = [
    torchZip(deep, {}),
    torchZip(bomb, {}),
    torchZip(join("\x8b", u32(0x7fffffff)), {}),
    torchZip(join("\x8b", u32(5000), new Uint8Array(5000)), {}),
    torchZip(join("X", u32(0xffffffff), "a"), {}),
    torchZip(join("\x8d", u32(0xffffffff), u32(0xffffffff)), {}),
    torchZip(join("I", "9".repeat(100_000), "\n"), {}),
    torchZip(join("h\x05"), {}),
    torchZip(join("R"), {}),
    torchZip(join("(u"), {}),
    torchZip(new Uint8Array(3_000_000).fill(0x5d), {}),
    torchZip(join(), {}),
    zip({ "archive/data.pkl": pickle("N") }, { method: 8 }),
    zip({ "a.txt": SIX }),
  ];
  for (const bytes of cases) {
    const start = performance.now();
    assert.match(failure(bytes), /^weights\/torch: model.pth: /);
    assert.ok(performance.now() - start < 5000);
  }
});

test("a dictionary with a key without a value is refused", () => {
  const odd = join("}(", text("a"), WEIGHT, text("b"), "u");
  assert.match(failure(torchZip(odd, { 0: SIX })), /a key without a value/);
});

test("a tensor outside of its storage, or larger than it, is refused", () => {
  const from = storage("FloatStorage", "0", 6);
  const views: Uint8Array[] = [
    tensor(from, [7], [1]),
    tensor(from, [2, 3], [3, 1], 1),
    tensor(from, [1_000_000_000, 1_000_000_000], [0, 0]),
    tensor(from, [-1], [1]),
    tensor(from, [2], [-1], 3),
    tensor(from, [2, 3], [3]),
    tensor(
      from,
      Array.from({ length: 17 }, () => 1),
      Array.from({ length: 17 }, () => 1),
    ),
    tensor(storage("FloatStorage", "0", 7), [7], [1]),
    tensor(storage("FloatStorage", "missing", 6), [6], [1]),
    tensor(storage("QInt8Storage", "0", 6), [6], [1]),
  ];
  for (const view of views)
    assert.match(failure(torchZip(dict({ a: view }), { 0: SIX })), /^weights\/(torch|pickle)/);
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`t${i}`, WEIGHT]));
  const large = new Uint8Array(400_000);
  const shared = tensor(storage("FloatStorage", "0", 100_000), [100_000], [1]);
  const bomb = Object.fromEntries(Object.keys(many).map((name) => [name, shared]));
  assert.match(failure(torchZip(dict(bomb), { 0: large })), /too many share a storage/);
});

test("a file truncated at any byte is refused, a legacy one and a zip archive", () => {
  const legacy = torchLegacy(
    dict({ a: tensor(storage("FloatStorage", "0", 6, true), [6], [1]) }),
    "0",
    SIX,
    4,
  );
  for (const file of [torchZip(dict({ a: WEIGHT }), { 0: SIX }), legacy])
    for (let length = 0; length < file.length; length++)
      assert.match(failure(file.subarray(0, length)), /^weights\/(torch|safetensors): /, `${length} bytes`);
});

test("any changed byte gives tensors or a typed error", () => {
  for (const zip64 of [false, true]) {
    const file = torchZip(dict({ a: WEIGHT }), { 0: SIX }, { zip64 });
    for (let place = 0; place < file.length; place++)
      for (const value of [0, 1, 0x7f, 0x80, 0xff, file[place] ^ 1]) {
        const changed = file.slice();
        changed[place] = value;
        assert.match(failure(changed), /^(read$|weights\/)/);
      }
  }
});

test("a Git LFS pointer is called one", () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
  assert.match(failure(join(pointer)), /^weights\/pointer: .*git lfs pull/);
});

test.run();
