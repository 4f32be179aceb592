// ONNX messages: the part of onnx.proto (IR version 10) that a graph of float32 tensors needs, with the published field numbers.

import protobuf from "protobufjs";

const PROTO = `
syntax = "proto3";
package onnx;
message AttributeProto {
  string name = 1;
  float f = 2;
  int64 i = 3;
  bytes s = 4;
  repeated int64 ints = 8;
  int32 type = 20;
}
message NodeProto {
  repeated string input = 1;
  repeated string output = 2;
  string name = 3;
  string op_type = 4;
  repeated AttributeProto attribute = 5;
}
message TensorProto {
  repeated int64 dims = 1;
  int32 data_type = 2;
  string name = 8;
  bytes raw_data = 9;
}
message Dimension { int64 dim_value = 1; }
message TensorShapeProto { repeated Dimension dim = 1; }
message TensorType { int32 elem_type = 1; TensorShapeProto shape = 2; }
message TypeProto { TensorType tensor_type = 1; }
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message GraphProto {
  repeated NodeProto node = 1;
  string name = 2;
  repeated TensorProto initializer = 5;
  repeated ValueInfoProto input = 11;
  repeated ValueInfoProto output = 12;
}
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message ModelProto {
  int64 ir_version = 1;
  string producer_name = 2;
  GraphProto graph = 7;
  repeated OperatorSetIdProto opset_import = 8;
}
`;

const ModelProto = protobuf.parse(PROTO, { keepCase: true }).root.lookupType("onnx.ModelProto");

/** TensorProto.DataType. */
export const FLOAT = 1;
export const INT64 = 7;

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

export interface OnnxValue {
  name: string;
  dims: readonly number[];
}

export interface OnnxGraph {
  name: string;
  nodes: readonly OnnxNode[];
  tensors: readonly OnnxTensor[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
}

export const floatAttribute = (name: string, f: number): OnnxAttribute => ({
  name,
  type: ATTRIBUTE.float,
  f,
});
export const intAttribute = (name: string, i: number): OnnxAttribute => ({ name, type: ATTRIBUTE.int, i });
export const intsAttribute = (name: string, ints: readonly number[]): OnnxAttribute => ({
  name,
  type: ATTRIBUTE.ints,
  ints,
});

const IR_VERSION = 10;
/** LayerNormalization came with 17, Gelu with 20. */
const OPSET = 20;

/** Bytes of an .onnx file. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  const value = ({ name, dims }: OnnxValue) => ({
    name,
    type: { tensor_type: { elem_type: FLOAT, shape: { dim: dims.map((dim_value) => ({ dim_value })) } } },
  });
  const model = {
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
  };
  return ModelProto.encode(model).finish();
}
