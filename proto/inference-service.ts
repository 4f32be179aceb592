// Inference service: the six calls of the Open Inference Protocol as grpc-js takes them.

import { inference } from "./generated/inference.js";
import { grpcMethod } from "./grpc-method.js";

const path = (method: string) => `/inference.GRPCInferenceService/${method}`;

export const INFERENCE_SERVICE = {
  ServerLive: grpcMethod(path("ServerLive"), inference.ServerLiveRequest, inference.ServerLiveResponse),
  ServerReady: grpcMethod(path("ServerReady"), inference.ServerReadyRequest, inference.ServerReadyResponse),
  ModelReady: grpcMethod(path("ModelReady"), inference.ModelReadyRequest, inference.ModelReadyResponse),
  ServerMetadata: grpcMethod(
    path("ServerMetadata"),
    inference.ServerMetadataRequest,
    inference.ServerMetadataResponse,
  ),
  ModelMetadata: grpcMethod(
    path("ModelMetadata"),
    inference.ModelMetadataRequest,
    inference.ModelMetadataResponse,
  ),
  ModelInfer: grpcMethod(path("ModelInfer"), inference.ModelInferRequest, inference.ModelInferResponse),
};

/** The one version that a model folder without version folders has. */
export const MODEL_VERSION = "1";

/** Keys of ModelMetadata.properties; every value is a string, lists are JSON. */
export const PROPERTY = {
  labels: "labels",
  imageSize: "image_size",
  classes: "classes",
  parameters: "parameters",
  cropRatio: "crop_ratio",
  maxBatch: "max_batch",
  device: "device",
} as const;
