// The data service's methods as grpc-js takes them: data.proto's names, our own codec for batches.

import type { MethodDefinition } from "@grpc/grpc-js";
import { decodeBatch, encodeBatch, type WireBatch } from "./batch-codec.js";
import { vitrine } from "./generated/data.js";
import { grpcMethod } from "./grpc-method.js";

const types = vitrine.data.v1;

export type DescribeRequest = vitrine.data.v1.DescribeRequest.$Properties;
export type DescribeResponse = vitrine.data.v1.DescribeResponse.$Properties;
export type StreamRequest = vitrine.data.v1.StreamRequest.$Properties;
export type OpenRequest = vitrine.data.v1.Open.$Properties;

export const describeMethod = grpcMethod<DescribeRequest, DescribeResponse>(
  "/vitrine.data.v1.DataService/Describe",
  types.DescribeRequest,
  types.DescribeResponse,
);

const request = grpcMethod<StreamRequest, StreamRequest>("", types.StreamRequest, types.StreamRequest);

export const streamBatchesMethod: MethodDefinition<StreamRequest, WireBatch> = {
  path: "/vitrine.data.v1.DataService/StreamBatches",
  requestStream: true,
  responseStream: true,
  requestSerialize: request.requestSerialize,
  requestDeserialize: request.requestDeserialize,
  responseSerialize: encodeBatch,
  responseDeserialize: decodeBatch,
};

export const DATA_SERVICE = { Describe: describeMethod, StreamBatches: streamBatchesMethod } as const;
