// Infer request: the message of ModelInfer, read with limits. Generated code makes an object for each element, and an
// empty element has two bytes: 64 MiB would become tens of millions of objects. Here every list has a limit, and the
// contents of tensors stay packed.

import { quote, VitrineError } from "../runtime/errors.js";
import protobuf, { type Reader } from "./protobuf.js";

export type ParameterValue = boolean | number | string;

/** InferInputTensor with its contents as they came. */
export interface PackedInput {
  name: string;
  datatype: string;
  shape: number[];
  parameters: Map<string, ParameterValue>;
  /** Bytes of InferTensorContents; undefined where it is absent. */
  contents: Uint8Array | undefined;
}

/** ModelInferRequest; its bytes alias the message. */
export interface InferRequest {
  modelName: string;
  modelVersion: string;
  id: string;
  parameters: Map<string, ParameterValue>;
  inputs: PackedInput[];
  outputs: { name: string; parameters: Map<string, ParameterValue> }[];
  rawInputContents: Uint8Array[];
}

/** Far more than any request needs. */
const MAX_INPUTS = 16;
const MAX_OUTPUTS = 64;
const MAX_PARAMETERS = 64;
const MAX_AXES = 16;
const MAX_TEXT_BYTES = 64 << 10;
/** All fields of a request and what is in it, unknown ones too. */
const MAX_FIELDS = 16_384;

function tooMany(what: string, limit: number): never {
  throw new VitrineError("protocol/malformed", `the request has more than ${limit} ${what}`);
}

class InferRequestReader {
  readonly #reader: Reader;
  #fields = 0;

  constructor(bytes: Uint8Array) {
    this.#reader = protobuf.Reader.create(bytes);
  }

  read(): InferRequest {
    const reader = this.#reader;
    const request: InferRequest = {
      modelName: "",
      modelVersion: "",
      id: "",
      parameters: new Map(),
      inputs: [],
      outputs: [],
      rawInputContents: [],
    };
    const { parameters, inputs, outputs, rawInputContents } = request;
    this.#readFields(reader.len, (field) => {
      if (field === 1) request.modelName = this.#text("the model's name");
      else if (field === 2) request.modelVersion = this.#text("the model's version");
      else if (field === 3) request.id = this.#text("the id");
      else if (field === 4) this.#parameter(parameters);
      else if (field === 5) inputs.push(this.#input());
      else if (field === 6) outputs.push(this.#output());
      else if (field === 7) rawInputContents.push(reader.bytes());
      else return false;
      if (inputs.length > MAX_INPUTS) tooMany("inputs", MAX_INPUTS);
      if (outputs.length > MAX_OUTPUTS) tooMany("outputs", MAX_OUTPUTS);
      if (rawInputContents.length > MAX_INPUTS) tooMany("raw contents", MAX_INPUTS);
      return true;
    });
    return request;
  }

  /** Calls `onField` with the number and wire type of each field up to `end`; fields that it does not read are skipped. */
  #readFields(end: number, onField: (field: number, wireType: number) => boolean): void {
    const reader = this.#reader;
    if (end > reader.len) throw new RangeError("a message is cut short");
    while (reader.pos < end) {
      this.#fields++;
      if (this.#fields > MAX_FIELDS) tooMany("fields", MAX_FIELDS);
      const tag = reader.uint32();
      if (!onField(tag >>> 3, tag & 7)) reader.skipType(tag & 7);
    }
    if (reader.pos > end) throw new RangeError("a field ends behind its message");
  }

  #readNested(onField: (field: number, wireType: number) => boolean): void {
    const length = this.#reader.uint32();
    this.#readFields(this.#reader.pos + length, onField);
  }

  #text(what: string): string {
    const bytes = this.#reader.bytes();
    if (bytes.length <= MAX_TEXT_BYTES) return new TextDecoder().decode(bytes);
    const text = `${what} has ${bytes.length} bytes; allowed: ${MAX_TEXT_BYTES}`;
    throw new VitrineError("protocol/malformed", text);
  }

  /** An entry of a map whose values are InferParameter. */
  #parameter(parameters: Map<string, ParameterValue>): void {
    const reader = this.#reader;
    let name = "";
    let value: ParameterValue | undefined;
    this.#readNested((entryField) => {
      if (entryField === 1) name = this.#text("the name of a parameter");
      else if (entryField !== 2) return false;
      else
        this.#readNested((field) => {
          if (field === 1) value = reader.bool();
          else if (field === 2) value = Number(reader.int64());
          else if (field === 3) value = this.#text("the value of a parameter");
          else if (field === 4) value = reader.double();
          else if (field === 5) value = Number(reader.uint64());
          else return false;
          return true;
        });
      return true;
    });
    if (value === undefined)
      throw new VitrineError("protocol/parameter", `parameter "${quote(name)}" has no value`);
    parameters.set(name, value);
    if (parameters.size > MAX_PARAMETERS) tooMany("parameters", MAX_PARAMETERS);
  }

  /** int64, packed or not. */
  #shape(wireType: number, shape: number[]): void {
    const reader = this.#reader;
    const end = wireType === 2 ? reader.uint32() + reader.pos : reader.pos + 1;
    if (end > reader.len) throw new RangeError("a message is cut short");
    while (reader.pos < end) {
      shape.push(Number(reader.int64()));
      if (shape.length > MAX_AXES) tooMany("axes in a shape", MAX_AXES);
    }
  }

  #input(): PackedInput {
    const input: PackedInput = {
      name: "",
      datatype: "",
      shape: [],
      parameters: new Map(),
      contents: undefined,
    };
    this.#readNested((field, wireType) => {
      if (field === 1) input.name = this.#text("the name of an input");
      else if (field === 2) input.datatype = this.#text("a datatype");
      else if (field === 3) this.#shape(wireType, input.shape);
      else if (field === 4) this.#parameter(input.parameters);
      else if (field === 5 && input.contents)
        throw new VitrineError("protocol/malformed", `input "${quote(input.name)}" has contents twice`);
      else if (field === 5) input.contents = this.#reader.bytes();
      else return false;
      return true;
    });
    return input;
  }

  #output(): InferRequest["outputs"][number] {
    const output = { name: "", parameters: new Map<string, ParameterValue>() };
    this.#readNested((field) => {
      if (field === 1) output.name = this.#text("the name of an output");
      else if (field === 2) this.#parameter(output.parameters);
      else return false;
      return true;
    });
    return output;
  }
}

/** Bytes of a ModelInferRequest → the request. Throws `protocol/malformed`, `protocol/parameter`. */
export function readInferRequest(bytes: Uint8Array): InferRequest {
  try {
    return new InferRequestReader(bytes).read();
  } catch (error) {
    if (error instanceof VitrineError) throw error;
    const reason = "the request's bytes are not a ModelInferRequest (see proto/inference.proto)";
    throw new VitrineError("protocol/malformed", reason, { cause: error });
  }
}
