// Torch writer: tensors as the file that torch.save({"model": state_dict}) writes, a zip archive with a pickle and the
// bytes of each tensor. torch.load reads it with weights_only=True, since the pickle names only torch's own types.

import type { StoredTensor } from "./safetensors.js";
import { writeZip } from "./zip-writer.js";

/** Our type → PyTorch's storage class. */
const STORAGES: Readonly<Record<string, string>> = {
  F64: "DoubleStorage",
  F32: "FloatStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  I64: "LongStorage",
  I32: "IntStorage",
  I8: "CharStorage",
  U8: "ByteStorage",
};

/** Instructions of pickle protocol 2, by the names of Python's pickletools. */
const OP = {
  proto2: [0x80, 2],
  stop: [0x2e],
  mark: [0x28],
  emptyDict: [0x7d],
  emptyTuple: [0x29],
  tuple: [0x74],
  reduce: [0x52],
  setItems: [0x75],
  persistentId: [0x51],
  newFalse: [0x89],
} as const;
const BININT = 0x4a;
const LONG1 = 0x8a;
const BINUNICODE = 0x58;

function uint32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [BINUNICODE, ...uint32(bytes.length), ...bytes];
}

/** Whole numbers from 0; beyond 31 bits as eight bytes of two's complement. */
function integer(value: number): number[] {
  if (value < 2 ** 31) return [BININT, ...uint32(value)];
  return [LONG1, 8, ...uint32(value % 2 ** 32), ...uint32(Math.floor(value / 2 ** 32))];
}

function tuple(...items: readonly (readonly number[])[]): number[] {
  return [...OP.mark, ...items.flat(), ...OP.tuple];
}

function global(module: string, name: string): number[] {
  return [..."c", ...`${module}\n${name}\n`].map((letter) => letter.charCodeAt(0));
}

const ORDERED_DICT = [...global("collections", "OrderedDict"), ...OP.emptyTuple, ...OP.reduce];

/** _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks). */
function tensor({ dtype, shape, data }: StoredTensor, key: string): number[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const id = tuple(
    text("storage"),
    global("torch", STORAGES[dtype]),
    text(key),
    text("cpu"),
    integer(data.length),
  );
  const args = tuple(
    [...id, ...OP.persistentId],
    integer(0),
    tuple(...shape.map(integer)),
    tuple(...strides.map(integer)),
    OP.newFalse,
    ORDERED_DICT,
  );
  return [...global("torch._utils", "_rebuild_tensor_v2"), ...args, ...OP.reduce];
}

/** Folder of the entries inside the archive; torch.save names it after the file. */
const FOLDER = "archive";

function bytesOf({ data }: StoredTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The bytes of a .pth file: {"model": OrderedDict of `tensors`, in their order}, as facebook publishes DeiT. The same
 * tensors give the same bytes. Throws `export/too-large` above 4 GiB.
 */
export function writeTorchFile(tensors: ReadonlyMap<string, StoredTensor>): Uint8Array<ArrayBuffer> {
  const named = [...tensors];
  const items = named.flatMap(([name, value], index) => [...text(name), ...tensor(value, `${index}`)]);
  const stateDict = [...ORDERED_DICT, ...OP.mark, ...items, ...OP.setItems];
  const file = [...OP.emptyDict, ...OP.mark, ...text("model"), ...stateDict, ...OP.setItems];
  const encode = (value: string) => new TextEncoder().encode(value);
  const entries = new Map<string, Uint8Array>([
    [`${FOLDER}/data.pkl`, Uint8Array.from([...OP.proto2, ...file, ...OP.stop])],
    [`${FOLDER}/byteorder`, encode("little")],
    ...named.map(([, value], index): [string, Uint8Array] => [`${FOLDER}/data/${index}`, bytesOf(value)]),
    [`${FOLDER}/version`, encode("3\n")],
  ]);
  return writeZip(entries, "PyTorch file");
}
