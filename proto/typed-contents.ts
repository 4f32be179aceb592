// Typed contents: InferTensorContents of an input, read element by element into an array of the tensor's own type. The
// shape says how many there are, so that contents which hold more or others cost nothing.

import { setImmediate as turn } from "node:timers/promises";
import { VitrineError } from "../runtime/errors.js";
import type { PackedInput } from "./infer-request.js";
import protobuf, { type Reader } from "./protobuf.js";
import { decodeTensor, elementCount, expectCount, refuseTensor, type Tensor } from "./tensor-codec.js";

/** Fields of InferTensorContents by number. */
const FIELDS = [
  "",
  "bool_contents",
  "int_contents",
  "int64_contents",
  "uint_contents",
  "uint64_contents",
  "fp32_contents",
  "fp64_contents",
  "bytes_contents",
];

/** Field and fewest bytes of an element of each datatype that requests use. */
const KINDS: ReadonlyMap<string, { field: number; bytes: number }> = new Map([
  ["UINT8", { field: 4, bytes: 1 }],
  ["FP32", { field: 6, bytes: 4 }],
  ["BYTES", { field: 8, bytes: 2 }],
]);

/** Elements that are read in about two milliseconds. */
const PER_TURN = 1 << 18;

/** An empty tensor of `count` elements and what reads the next one into it. */
function elements(input: PackedInput, reader: Reader, count: number): [Tensor, (place: number) => void] {
  const { name, shape } = input;
  if (input.datatype === "BYTES") {
    const data: Uint8Array[] = [];
    return [{ name, datatype: "BYTES", shape, data }, () => data.push(reader.bytes())];
  }
  if (input.datatype === "FP32") {
    const data = new Float32Array(count);
    const read = (place: number) => {
      data[place] = reader.float();
    };
    return [{ name, datatype: "FP32", shape, data }, read];
  }
  const data = new Uint8Array(count);
  const read = (place: number) => {
    const value = reader.uint32();
    if (value > 255) refuseTensor(name, `element ${place} is ${value}; allowed in UINT8: 0 to 255`);
    data[place] = value;
  };
  return [{ name, datatype: "UINT8", shape, data }, read];
}

async function readContents(
  input: PackedInput,
  contents: Uint8Array,
  kind: { field: number; bytes: number },
): Promise<Tensor> {
  const { name, datatype, shape } = input;
  const count = elementCount(name, shape);
  if (contents.length < count * kind.bytes)
    refuseTensor(name, `the shape says ${count} elements, the contents have ${contents.length} bytes`);
  const reader = protobuf.Reader.create(contents);
  const [tensor, read] = elements(input, reader, count);
  let place = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const [field, wireType] = [tag >>> 3, tag & 7];
    if (field !== kind.field) {
      const found = FIELDS[field] ?? `field ${field}`;
      refuseTensor(name, `datatype ${datatype} with ${found}; allowed: ${FIELDS[kind.field]}`);
    }
    const isPacked = wireType === 2 && datatype !== "BYTES";
    const end = isPacked ? reader.uint32() + reader.pos : reader.pos + 1;
    if (end > reader.len) throw new RangeError("a message is cut short");
    while (reader.pos < end) {
      if (place === count) refuseTensor(name, `the shape says ${count} elements, the contents hold more`);
      read(place++);
      if (place % PER_TURN === 0) await turn();
    }
  }
  expectCount(name, shape, place, "elements");
  return tensor;
}

/** The tensor of an input without raw contents. Throws `protocol/tensor`, `protocol/malformed`. */
export async function readTypedInput(input: PackedInput): Promise<Tensor> {
  const { contents, ...header } = input;
  const kind = KINDS.get(input.datatype);
  // One that has no contents, or no typed ones, is refused as a response of a server would be.
  if (!contents || !kind) return decodeTensor({ ...header, parameters: undefined });
  try {
    return await readContents(input, contents, kind);
  } catch (error) {
    if (error instanceof VitrineError) throw error;
    const text = `the contents of input "${header.name}" are not InferTensorContents`;
    throw new VitrineError("protocol/malformed", text, { cause: error });
  }
}
