// Infer request: a REST body of the Open Inference Protocol as the request that every protocol shares. Tensors are JSON,
// or with the binary tensor data extension raw bytes behind the JSON, whose length is in Inference-Header-Content-Length.

import { decodeTensor, type Tensor } from "../../proto/tensor-codec.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import type { InputDescription } from "../inference/protocol/model-views.js";
import type {
  InferCall,
  InferInput,
  Parameters,
  ParameterValue,
} from "../inference/protocol/open-inference.js";
import { readFloat32, readStrings, readUint8 } from "./json-data.js";
import { type Extent, readEnvelope } from "./json-envelope.js";

export interface InferRequest {
  call: InferCall;
  /** Echoed in the answer. */
  id: string | undefined;
  /** Whether an output is sent as binary data. */
  isBinary(output: string): boolean;
}

export interface InferRequestOptions {
  model: string;
  version: string;
  /** The input of the model under this name, which a body without JSON is. */
  input: InputDescription;
  /** Throws `protocol/…` unless the JSON without contents is as `INFER_ENVELOPE` says. */
  validate(json: unknown): void;
}

type RawParameters = Record<string, ParameterValue>;

interface JsonInput {
  name: string;
  shape: number[];
  datatype: string;
  parameters?: RawParameters;
  data?: number;
}

interface JsonRequest {
  id?: string;
  parameters?: RawParameters;
  inputs: JsonInput[];
  outputs?: { name: string; parameters?: RawParameters }[];
}

/** Parameters that are about the form on the wire, and mean nothing to the model. */
const OF_THE_WIRE = ["binary_data_size", "binary_data", "binary_data_output", "content_type"];

function parametersOf(raw: RawParameters = {}): Parameters {
  return new Map(Object.entries(raw).filter(([name]) => !OF_THE_WIRE.includes(name)));
}

function refuse(name: string, text: string): never {
  throw new VitrineError("protocol/tensor", `tensor "${quote(name)}": ${text}`);
}

/** A parameter that is true or false, or `absent`. */
function flag(parameters: RawParameters | undefined, name: string, absent: boolean): boolean {
  const value = parameters?.[name] ?? absent;
  if (typeof value === "boolean") return value;
  throw new VitrineError(
    "protocol/parameter",
    `parameter "${name}" is ${quote(String(value))}; allowed: true, false`,
  );
}

/** Bytes of an input behind the JSON; undefined where it has `data`. */
function binarySize({ name, parameters }: JsonInput): number | undefined {
  const size = parameters?.binary_data_size;
  if (size === undefined || (typeof size === "number" && Number.isSafeInteger(size) && size >= 0))
    return size;
  return refuse(name, `binary_data_size is ${quote(String(size))}; allowed: whole numbers from 0`);
}

async function decodeJson(body: Buffer, input: JsonInput, extent: Extent): Promise<Tensor> {
  const { name, shape, datatype, parameters } = input;
  const contentType = parameters?.content_type;
  if (datatype === "BYTES") {
    if (contentType !== undefined && contentType !== "base64") {
      refuse(name, `content_type is "${quote(String(contentType))}"; allowed: base64, or none for text`);
    }
    return { name, datatype, shape, data: await readStrings(body, extent, input, contentType === "base64") };
  }
  if (contentType !== undefined) refuse(name, "content_type is for BYTES");
  if (datatype === "UINT8") return { name, datatype, shape, data: await readUint8(body, extent, input) };
  if (datatype === "FP32") return { name, datatype, shape, data: await readFloat32(body, extent, input) };
  return refuse(
    name,
    `datatype "${quote(datatype)}" as JSON; allowed: BYTES, UINT8, FP32 (others as binary data)`,
  );
}

/** A header of another length than its body, or of none. */
function headerLength(value: string | undefined, body: Buffer): number {
  if (value === undefined) return body.length;
  const length = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (length <= body.length) return length;
  throw new VitrineError(
    "protocol/malformed",
    `Inference-Header-Content-Length is "${quote(value)}"; allowed: 0 to the ${body.length} bytes of the body`,
  );
}

/** The whole body is the input's contents: one picture file, or as many images as its bytes make. */
function rawRequest(body: Buffer, { model, version, input }: InferRequestOptions): InferRequest {
  const { name, datatype } = input;
  const isFile = datatype === "BYTES";
  const axes = input.shape.slice(1);
  const imageBytes = axes.reduce((product, axis) => product * axis, datatype === "FP32" ? 4 : 1);
  const images = isFile ? 1 : body.length / imageBytes;
  if (!Number.isInteger(images))
    refuse(name, `${body.length} bytes are not a whole number of images of ${imageBytes} bytes`);
  const header = { name, datatype, shape: [images, ...axes] };
  const read = (): Tensor =>
    isFile ? { name, datatype, shape: header.shape, data: [body] } : decodeTensor(header, body);
  const inputs = [{ ...header, parameters: new Map(), read }];
  return {
    call: { model, version, parameters: new Map(), inputs, outputs: [] },
    id: undefined,
    isBinary: () => true,
  };
}

/** The inputs, each with what reads its contents: of the JSON, or from the bytes behind it, which all belong to one. */
function inputsOf(
  body: Buffer,
  length: number,
  inputs: readonly JsonInput[],
  data: readonly Extent[],
): InferInput[] {
  const text = body.subarray(0, length);
  let offset = length;
  const made = inputs.map((input): InferInput => {
    const { name, datatype, shape } = input;
    const header = { name, datatype, shape, parameters: parametersOf(input.parameters) };
    const size = binarySize(input);
    if (size === undefined) {
      const extent = input.data === undefined ? undefined : data[input.data];
      if (extent) return { ...header, read: () => decodeJson(text, input, extent) };
      return refuse(
        name,
        "no data; allowed: an array, or binary_data_size with Inference-Header-Content-Length",
      );
    }
    if (input.data !== undefined) refuse(name, "data and binary_data_size; allowed: one of them");
    const left = body.length - offset;
    if (size > left) refuse(name, `binary_data_size is ${size}; the body has ${left} bytes left for it`);
    const raw = body.subarray(offset, offset + size);
    offset += size;
    return { ...header, read: () => decodeTensor({ name, datatype, shape }, raw) };
  });
  if (offset === body.length) return made;
  throw new VitrineError(
    "protocol/malformed",
    `${body.length - offset} bytes follow after the binary data of the inputs`,
  );
}

/**
 * `header` is Inference-Header-Content-Length. BYTES and UINT8 contents alias `body` where they can. Throws
 * `protocol/malformed`, `protocol/tensor`, `protocol/parameter`, `protocol/invalid-argument`; so does reading an input.
 */
export async function readInferRequest(
  body: Buffer,
  header: string | undefined,
  options: InferRequestOptions,
): Promise<InferRequest> {
  const length = headerLength(header, body);
  if (header !== undefined && length === 0) return rawRequest(body, options);
  const { json, data } = await readEnvelope(body.subarray(0, length));
  options.validate(json);
  const { id, parameters, inputs, outputs = [] } = json as JsonRequest;
  const allBinary = flag(parameters, "binary_data_output", false);
  const binary = new Map(
    outputs.map((output) => [output.name, flag(output.parameters, "binary_data", allBinary)]),
  );
  return {
    call: {
      model: options.model,
      version: options.version,
      parameters: parametersOf(parameters),
      inputs: inputsOf(body, length, inputs, data),
      outputs: outputs.map((output) => ({ name: output.name, parameters: parametersOf(output.parameters) })),
    },
    id,
    isBinary: (output) => binary.get(output) ?? allBinary,
  };
}
