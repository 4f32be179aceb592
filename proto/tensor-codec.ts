// Tensor codec: the tensors of the Open Inference Protocol as values, and their raw and typed forms on the wire.
// Raw: little-endian (as every engine that runs WebAssembly is), row-major, no padding; each BYTES element follows its
// 4-byte length. Typed: the repeated fields of InferTensorContents. One message never mixes the two.

import { fitText, quote, VitrineError } from "../runtime/errors.js";
import type { inference } from "./generated/inference.js";

/**
 * A tensor of a datatype that Vitrine supports. `shape` is row-major; its product is the length of `data`. BYTES holds
 * one buffer per element.
 */
export type Tensor =
  | { name: string; datatype: "BYTES"; shape: number[]; data: Uint8Array[] }
  | { name: string; datatype: "UINT8"; shape: number[]; data: Uint8Array }
  | { name: string; datatype: "INT32"; shape: number[]; data: Int32Array }
  /** IEEE binary16 patterns. */
  | { name: string; datatype: "FP16"; shape: number[]; data: Uint16Array }
  | { name: string; datatype: "FP32"; shape: number[]; data: Float32Array };

export type Datatype = Tensor["datatype"];

const DATATYPES: readonly string[] = ["BYTES", "UINT8", "INT32", "FP16", "FP32"] satisfies Datatype[];

/** InferInputTensor and InferOutputTensor have the same fields. */
export type WireTensor = inference.ModelInferRequest.InferInputTensor.$Properties;
type Contents = inference.InferTensorContents.$Properties;

export interface WireTensors {
  tensors: WireTensor[];
  raw: Uint8Array[];
}

export function refuseTensor(name: string, message: string): never {
  throw new VitrineError("protocol/tensor", `tensor "${quote(name)}": ${message}`);
}

const shapeText = (shape: readonly number[]): string => `[${fitText(shape.join(", "), 200)}]`;

/** Product of the axes. Throws `protocol/tensor` for a negative axis or a product beyond exact integers. */
export function elementCount(name: string, shape: readonly number[]): number {
  let count = 1;
  for (const axis of shape) {
    if (!Number.isInteger(axis) || axis < 0) {
      refuseTensor(name, `shape ${shapeText(shape)}; allowed: whole numbers from 0`);
    }
    count *= axis;
  }
  if (!Number.isSafeInteger(count)) refuseTensor(name, `shape ${shapeText(shape)} is too large`);
  return count;
}

export function expectCount(name: string, shape: readonly number[], got: number, unit: string): void {
  const count = elementCount(name, shape);
  if (got !== count) {
    refuseTensor(name, `shape ${shapeText(shape)} says ${count} ${unit}, the contents hold ${got} ${unit}`);
  }
}

/** BYTES elements → one buffer, each element after its length. */
function packElements(elements: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(elements.reduce((sum, element) => sum + 4 + element.length, 0));
  const view = new DataView(packed.buffer);
  let offset = 0;
  for (const element of elements) {
    view.setUint32(offset, element.length, true);
    packed.set(element, offset + 4);
    offset += 4 + element.length;
  }
  return packed;
}

/** The reverse; elements alias `raw`. At most `limit` are read, so that a wrong shape costs nothing. */
function unpackElements(name: string, raw: Uint8Array, limit: number): Uint8Array[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset < raw.length) {
    const left = raw.length - offset - 4;
    const length = left >= 0 ? view.getUint32(offset, true) : 0;
    if (left < length) {
      const found = left < 0 ? `${left + 4} of the 4 bytes of its length` : `${left} of its ${length} bytes`;
      refuseTensor(
        name,
        `element ${elements.length} at byte ${offset} is truncated: it has ${found} ` +
          "(each element follows its length, 4 bytes, little-endian)",
      );
    }
    if (elements.length === limit) refuseTensor(name, `bytes follow after its ${limit} elements`);
    elements.push(raw.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return elements;
}

const NUMBERS = { UINT8: Uint8Array, INT32: Int32Array, FP16: Uint16Array, FP32: Float32Array } as const;

/** Numbers of more than one byte are a copy: raw bytes of a message are not aligned. */
function decodeRaw(name: string, datatype: Datatype, shape: number[], raw: Uint8Array): Tensor {
  if (datatype === "BYTES") {
    const data = unpackElements(name, raw, elementCount(name, shape));
    expectCount(name, shape, data.length, "elements");
    return { name, datatype, shape, data };
  }
  if (datatype === "UINT8") {
    expectCount(name, shape, raw.length, "bytes");
    return { name, datatype, shape, data: raw };
  }
  const numbers = NUMBERS[datatype];
  const size = numbers.BYTES_PER_ELEMENT;
  if (raw.length % size !== 0) {
    refuseTensor(name, `${raw.length} raw bytes are not a whole number of ${datatype} elements`);
  }
  expectCount(name, shape, raw.length / size, "elements");
  const data = new numbers(raw.length / size);
  new Uint8Array(data.buffer).set(raw);
  return { name, datatype, shape, data } as Tensor;
}

/** FP16 has no field of its own and travels raw only. */
const FIELD_OF = {
  BYTES: "bytesContents",
  UINT8: "uintContents",
  INT32: "intContents",
  FP32: "fp32Contents",
} as const;

function decodeTyped(name: string, datatype: Datatype, shape: number[], contents: Contents): Tensor {
  if (datatype === "FP16") refuseTensor(name, "datatype FP16 has raw contents only");
  const field = FIELD_OF[datatype];
  for (const [other, values] of Object.entries(contents)) {
    if (other !== field && Array.isArray(values) && values.length > 0) {
      refuseTensor(name, `datatype ${datatype} with ${other}; allowed: ${field}`);
    }
  }
  expectCount(name, shape, contents[field]?.length ?? 0, "elements");
  if (datatype === "BYTES") return { name, datatype, shape, data: contents.bytesContents ?? [] };
  if (datatype === "FP32") {
    return { name, datatype, shape, data: Float32Array.from(contents.fp32Contents ?? []) };
  }
  if (datatype === "INT32") {
    return { name, datatype, shape, data: Int32Array.from(contents.intContents ?? []) };
  }
  const wide = contents.uintContents ?? [];
  const high = wide.findIndex((value) => value > 255);
  if (high >= 0) refuseTensor(name, `element ${high} is ${wide[high]}; allowed in UINT8: 0 to 255`);
  return { name, datatype, shape, data: Uint8Array.from(wide) };
}

/** The contents of one tensor, raw where `raw` is given. Throws `protocol/tensor`. */
export function decodeTensor(tensor: WireTensor, raw?: Uint8Array): Tensor {
  const name = tensor.name ?? "";
  const shape = [...(tensor.shape ?? [])];
  const datatype = tensor.datatype ?? "";
  if (!DATATYPES.includes(datatype)) {
    refuseTensor(name, `datatype "${quote(datatype)}"; allowed: ${DATATYPES.join(", ")}`);
  }
  if (!raw) return decodeTyped(name, datatype as Datatype, shape, tensor.contents ?? {});
  if (tensor.contents) refuseTensor(name, "raw and typed contents in one message; allowed: one kind");
  return decodeRaw(name, datatype as Datatype, shape, raw);
}

/**
 * Tensors of a request or response → values. UINT8 and BYTES alias the message. Throws `protocol/tensor` where
 * the datatype is not supported, raw and typed contents are mixed, or contents and shape disagree.
 */
export function decodeTensors(
  tensors: readonly WireTensor[],
  raw: readonly Uint8Array[],
): { tensors: Tensor[]; isRaw: boolean } {
  const isRaw = raw.length > 0;
  if (isRaw && raw.length !== tensors.length) {
    const text = `${raw.length} raw contents for ${tensors.length} tensors; allowed: one each, in their order`;
    throw new VitrineError("protocol/tensor", text);
  }
  return {
    tensors: tensors.map((tensor, index) => decodeTensor(tensor, isRaw ? raw[index] : undefined)),
    isRaw,
  };
}

function rawBytes(tensor: Tensor): Uint8Array {
  if (tensor.datatype === "BYTES") return packElements(tensor.data);
  if (tensor.datatype === "UINT8") return tensor.data;
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function typedContents(tensor: Tensor): Contents {
  switch (tensor.datatype) {
    case "BYTES":
      return { bytesContents: tensor.data };
    case "UINT8":
      return { uintContents: Array.from(tensor.data) };
    case "INT32":
      return { intContents: Array.from(tensor.data) };
    case "FP32":
      return { fp32Contents: Array.from(tensor.data) };
    default:
      return refuseTensor(tensor.name, "datatype FP16 has raw contents only");
  }
}

/** Values → their form on the wire. Throws `protocol/tensor` where `shape` does not fit `data`. */
export function encodeTensors(tensors: readonly Tensor[], isRaw: boolean): WireTensors {
  for (const { name, shape, data } of tensors) expectCount(name, shape, data.length, "elements");
  const headers = tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape }));
  if (isRaw) return { tensors: headers, raw: tensors.map(rawBytes) };
  return {
    tensors: headers.map((header, index) => ({ ...header, contents: typedContents(tensors[index]!) })),
    raw: [],
  };
}
