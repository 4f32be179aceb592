// Infer answer: the outputs of an inference as a REST body: JSON, and behind it the raw bytes of the outputs that were
// requested as binary data.

import { encodeTensors, type Tensor } from "../../proto/tensor-codec.js";
import { VitrineError } from "../../runtime/errors.js";
import type { InferResult } from "../inference/protocol/open-inference.js";
import { nextTurn } from "../slices.js";

export interface InferBody {
  body: Buffer;
  /** Bytes of JSON at the start; undefined where there is nothing else. */
  headerLength: number | undefined;
}

/** Numbers that are written in one turn of the event loop: about a millisecond. */
const SLICE_ELEMENTS = 8192;

/** A float32 as the shortest decimal of its float64, from which every reader makes the same float32. */
function jsonNumber(value: number | bigint, tensor: Tensor, index: number): string {
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "bigint" || Number.isFinite(value)) return String(value);
  const text = `output "${tensor.name}", element ${index}, is ${value}, which JSON has no number for; request it with "binary_data": true`;
  throw new VitrineError("protocol/tensor", text);
}

/** The contents as a JSON array, in pieces. */
async function jsonData(tensor: Tensor): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const { length } = tensor.data;
  for (let start = 0; start < length; start += SLICE_ELEMENTS) {
    if (start > 0) await nextTurn();
    const end = Math.min(start + SLICE_ELEMENTS, length);
    const texts =
      tensor.datatype === "BYTES"
        ? tensor.data.slice(start, end).map((bytes) => JSON.stringify(Buffer.from(bytes).toString()))
        : Array.from(tensor.data.subarray(start, end), (value, place) =>
            jsonNumber(value, tensor, start + place),
          );
    pieces.push(Buffer.from(`${start > 0 ? "," : ""}${texts.join(",")}`));
  }
  return Buffer.concat([Buffer.from("["), ...pieces, Buffer.from("]")]);
}

/** Throws `protocol/tensor` for a number that JSON does not have. */
export async function writeInferAnswer(
  { model, version, outputs }: InferResult,
  id: string | undefined,
  isBinary: (output: string) => boolean,
): Promise<InferBody> {
  const head = { model_name: model, model_version: version, ...(id !== undefined && { id }) };
  const pieces: Buffer[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"outputs":[`)];
  const raw: Uint8Array[] = [];
  for (const [index, tensor] of outputs.entries()) {
    const { name, datatype, shape } = tensor;
    const comma = index > 0 ? "," : "";
    if (isBinary(name)) {
      const [bytes] = encodeTensors([tensor], true).raw;
      const parameters = { binary_data_size: bytes.length };
      pieces.push(Buffer.from(comma + JSON.stringify({ name, datatype, shape, parameters })));
      raw.push(bytes);
    } else {
      const start = JSON.stringify({ name, datatype, shape }).slice(0, -1);
      pieces.push(Buffer.from(`${comma}${start},"data":`), await jsonData(tensor), Buffer.from("}"));
    }
  }
  pieces.push(Buffer.from("]}"));
  const headerLength = pieces.reduce((sum, { length }) => sum + length, 0);
  return {
    body: Buffer.concat([...pieces, ...raw]),
    headerLength: raw.length > 0 ? headerLength : undefined,
  };
}
