// Safetensors: named tensors read from a file and written to one. https://github.com/huggingface/safetensors

import { quote, VitrineError } from "../errors.js";
import { bfloatsToFloats, halvesToFloats } from "./half-float.js";
import { dequantizeMatrix, type Int8Matrix } from "./int8-matrix.js";
import {
  ELEMENT_BYTES,
  readSafetensorsHeader,
  type SafetensorsDtype,
  type TensorEntry,
} from "./safetensors-header.js";
import type { TensorMap } from "./tensor-map.js";

/** Values of a stored tensor. F16 and BF16 are bit patterns in a Uint16Array. */
export type StoredData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int8Array
  | Uint8Array;

/** A tensor of a safetensors file, in the type that the file keeps it in. */
export interface StoredTensor {
  dtype: SafetensorsDtype;
  /** Axes in PyTorch's order, the last one contiguous. */
  shape: number[];
  /** Row-major, as many values as the product of `shape`. */
  data: StoredData;
}

/** The contents of a safetensors file. */
export interface SafetensorsFile {
  /** In the order of their data in the file. */
  tensors: Map<string, StoredTensor>;
  /** The header's `__metadata__`, empty where there is none. */
  metadata: Record<string, string>;
  /** Tensors of types that are not read (BOOL, F8_E4M3 …): `"NAME" (BOOL)`. */
  ignored: string[];
}

/**
 * A view, or a copy where one is wanted, and where the tensor starts at a byte that is no multiple of its element size,
 * which typed arrays cannot.
 */
function tensorData(bytes: Uint8Array, { dtype, begin, end }: TensorEntry, views: boolean): StoredData {
  const part = bytes.subarray(begin, end);
  const isAligned = part.byteOffset % ELEMENT_BYTES[dtype] === 0;
  return typedData(dtype, views && isAligned ? part : new Uint8Array(part));
}

/** A tensor's bytes, little endian and aligned, as numbers of the same buffer. */
export function typedData(dtype: SafetensorsDtype, bytes: Uint8Array): StoredData {
  const { buffer, byteOffset } = bytes;
  const count = bytes.length / ELEMENT_BYTES[dtype];
  switch (dtype) {
    case "F64":
      return new Float64Array(buffer, byteOffset, count);
    case "F32":
      return new Float32Array(buffer, byteOffset, count);
    case "F16":
    case "BF16":
      return new Uint16Array(buffer, byteOffset, count);
    case "I64":
      return new BigInt64Array(buffer, byteOffset, count);
    case "I32":
      return new Int32Array(buffer, byteOffset, count);
    case "I8":
      return new Int8Array(buffer, byteOffset, count);
    case "U8":
      return bytes;
  }
}

/**
 * Reads the bytes of a safetensors file; the tensors are copies, or with `views` parts of `bytes` where their alignment
 * allows it. `subject` names the file in errors. Throws `weights/safetensors` for a file that is damaged or of another
 * format.
 */
export function readSafetensors(bytes: Uint8Array, subject: string, views = false): SafetensorsFile {
  const { entries, metadata, ignored } = readSafetensorsHeader(bytes, subject);
  const tensors = new Map<string, StoredTensor>();
  for (const entry of entries) {
    const { name, dtype, shape } = entry;
    tensors.set(name, { dtype, shape, data: tensorData(bytes, entry, views) });
  }
  return { tensors, metadata, ignored };
}

function toFloats({ dtype, data }: StoredTensor): Float32Array | undefined {
  switch (dtype) {
    case "F32":
      return data as Float32Array;
    case "F64":
      return Float32Array.from(data as Float64Array);
    case "F16":
      return halvesToFloats(data as Uint16Array);
    case "BF16":
      return bfloatsToFloats(data as Uint16Array);
    default:
      return undefined;
  }
}

/** Name of the scales of the int8 tensor `name`, float32 [outputs]. */
export function scaleName(name: string): string {
  return `${name}_scale`;
}

/**
 * The int8 tensors of a file with their scales, as matrices. Throws `weights/scale` where scales are missing or too
 * few.
 */
export function int8Matrices(file: SafetensorsFile, subject: string): Map<string, Int8Matrix> {
  const matrices = new Map<string, Int8Matrix>();
  for (const [name, { dtype, shape, data }] of file.tensors) {
    if (dtype !== "I8") continue;
    const outputs = shape[0] ?? 1;
    const stored = file.tensors.get(scaleName(name));
    const scales = stored && toFloats(stored);
    if (scales?.length !== outputs) {
      const found = stored ? `${stored.dtype} [${stored.shape.join(", ")}]` : "nothing";
      const text =
        `${subject}: tensor "${quote(name)}" is I8, so "${quote(scaleName(name))}" must hold ${outputs} ` +
        `floating-point scales; found ${found}`;
      throw new VitrineError("weights/scale", text, { details: { file: subject, tensor: name } });
    }
    matrices.set(name, { values: data as Int8Array, scales, outputs, inputs: data.length / outputs });
  }
  return matrices;
}

/**
 * The floating-point tensors of a file as float32 (F64 is rounded), and the int8 ones times their scales; other integer
 * tensors are omitted. Throws `weights/scale` where an int8 tensor has no scales.
 */
export function floatTensors(file: SafetensorsFile, subject = "weights"): TensorMap {
  const floats: TensorMap = new Map();
  const matrices = int8Matrices(file, subject);
  const scales = new Set(Array.from(matrices.keys(), scaleName));
  for (const [name, tensor] of file.tensors) {
    if (scales.has(name)) continue;
    const matrix = matrices.get(name);
    const data = matrix ? dequantizeMatrix(matrix) : toFloats(tensor);
    if (data) floats.set(name, { shape: tensor.shape, data });
  }
  return floats;
}

/** Float32 tensors in the form that `writeSafetensors` takes. */
export function storedFloats(tensors: TensorMap): Map<string, StoredTensor> {
  return new Map(Array.from(tensors, ([name, { shape, data }]) => [name, { dtype: "F32", shape, data }]));
}

function checkSize(name: string, { dtype, shape, data }: StoredTensor): void {
  const expected = shape.reduce((product, axis) => product * axis, ELEMENT_BYTES[dtype]);
  if (expected === data.byteLength) return;
  const what = `of ${dtype} [${shape.join(", ")}] needs ${expected} bytes, got ${data.byteLength}`;
  throw new VitrineError("weights/safetensors", `tensor "${quote(name)}" ${what}`, {
    details: { tensor: name },
  });
}

/** The widest elements first, as in the format's own writer, so that all data is aligned; then by name. */
function writingOrder(tensors: ReadonlyMap<string, StoredTensor>): [string, StoredTensor][] {
  return [...tensors].sort(([nameA, a], [nameB, b]) => {
    const width = ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype];
    return width || (nameA < nameB ? -1 : 1);
  });
}

/**
 * Tensors and metadata → the bytes of a file. The same content gives the same bytes in any order of the map. The header
 * is padded with spaces to a multiple of 8 bytes. Throws `weights/safetensors` where data and shape disagree.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const ordered = writingOrder(tensors);
  const texts = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const header: [string, unknown][] = texts.length > 0 ? [["__metadata__", Object.fromEntries(texts)]] : [];
  let offset = 0;
  for (const [name, tensor] of ordered) {
    checkSize(name, tensor);
    const { dtype, shape, data } = tensor;
    header.push([name, { dtype, shape, data_offsets: [offset, (offset += data.byteLength)] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes).set(json, 8);
  let place = 8 + headerBytes;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), place);
    place += data.byteLength;
  }
  return bytes;
}
