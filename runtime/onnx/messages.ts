// ONNX messages: the part of the format's protocol buffers that a graph of float tensors needs, and the bytes of a file.
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
//
// As there, fields have a presence of their own (proto2): an attribute of 0 is written, and readers check that it is.

import protobuf from "protobufjs";
import { VitrineError } from "../errors.js";

const PROTO = `
syntax = "proto2";
package onnx;
message AttributeProto {
  optional string name = 1; optional float f = 2; optional int64 i = 3; repeated int64 ints = 8;
  optional int32 type = 20;
}
message NodeProto {
  repeated string input = 1; repeated string output = 2; optional string name = 3; optional string op_type = 4;
  repeated AttributeProto attribute = 5;
}
message TensorProto {
  repeated int64 dims = 1; optional int32 data_type = 2; optional string name = 8; optional bytes raw_data = 9;
}
message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
message TensorShapeProto { repeated Dimension dim = 1; }
message TensorType { optional int32 elem_type = 1; optional TensorShapeProto shape = 2; }
message TypeProto { optional TensorType tensor_type = 1; }
message ValueInfoProto { optional string name = 1; optional TypeProto type = 2; }
message GraphProto {
  repeated NodeProto node = 1; optional string name = 2; repeated TensorProto initializer = 5;
  repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
}
message OperatorSetIdProto { optional string domain = 1; optional int64 version = 2; }
message StringStringEntryProto { optional string key = 1; optional string value = 2; }
message ModelProto {
  optional int64 ir_version = 1; optional string producer_name = 2; optional GraphProto graph = 7;
  repeated OperatorSetIdProto opset_import = 8; repeated StringStringEntryProto metadata_props = 14;
}
`;

const ModelProto = protobuf.parse(PROTO, { keepCase: true }).root.lookupType("onnx.ModelProto");

/** TensorProto.DataType. */
export const DataType = { FLOAT: 1, INT64: 7, FLOAT16: 10, BFLOAT16: 16 } as const;

/** AttributeProto.AttributeType. */
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const;

export interface OnnxAttribute {
  name: string;
  type: number;
  f?: number;
  i?: number;
  ints?: readonly number[];
}

export interface OnnxNode {
  op_type: string;
  name: string;
  input: readonly string[];
  output: readonly string[];
  attribute: readonly OnnxAttribute[];
}

export interface OnnxTensor {
  name: string;
  data_type: number;
  dims: readonly number[];
  raw_data: Uint8Array;
}

/** A float32 input or output; an axis with a name has any size. */
export interface OnnxValue {
  name: string;
  dims: readonly (number | string)[];
}

export interface OnnxGraph {
  name: string;
  nodes: readonly OnnxNode[];
  tensors: readonly OnnxTensor[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  /** Texts for the file's users, by key. */
  metadata: Readonly<Record<string, string>>;
}

export function floatAttribute(name: string, f: number): OnnxAttribute {
  return { name, type: ATTRIBUTE.float, f };
}

export function intAttribute(name: string, i: number): OnnxAttribute {
  return { name, type: ATTRIBUTE.int, i };
}

export function intsAttribute(name: string, ints: readonly number[]): OnnxAttribute {
  return { name, type: ATTRIBUTE.ints, ints };
}

/** The version of the format that came with the operator set. */
const IR_VERSION = 8;
/** The first with LayerNormalization; onnxruntime has it since 1.12 (2022). */
const OPSET = 17;

/** A protocol buffers message is smaller than 2 GiB; nodes and names take far less than a MiB. */
const LIMIT_BYTES = 2 ** 31 - 2 ** 20;

/** Bytes of an .onnx file. Throws `export/too-large` where it would reach 2 GiB. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const bytes = graph.tensors.reduce((sum, { raw_data: data }) => sum + data.length, 0);
  if (bytes > LIMIT_BYTES) {
    const text =
      `ONNX file: ${bytes} bytes of weights; a file in one piece holds less than 2 GiB ` +
      "(--dtype f16 or bf16 halves them; --format timm has no such limit)";
    throw new VitrineError("export/too-large", text, { details: { bytes, limit: LIMIT_BYTES } });
  }
  const dimension = (size: number | string) =>
    typeof size === "number" ? { dim_value: size } : { dim_param: size };
  const value = ({ name, dims }: OnnxValue) => ({
    name,
    type: { tensor_type: { elem_type: DataType.FLOAT, shape: { dim: dims.map(dimension) } } },
  });
  const message = {
    ir_version: IR_VERSION,
    producer_name: "vitrine",
    opset_import: [{ domain: "", version: OPSET }],
    graph: {
      name: graph.name,
      node: graph.nodes,
      initializer: graph.tensors,
      input: graph.inputs.map(value),
      output: graph.outputs.map(value),
    },
    metadata_props: Object.entries(graph.metadata).map(([key, text]) => ({ key, value: text })),
  };
  return new Uint8Array(ModelProto.encode(message).finish());
}
