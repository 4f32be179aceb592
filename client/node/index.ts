// vitrine/client: training batches from a data server and classifications from an inference server, over gRPC in Node.

export type { AskedEvaluation } from "../../proto/evaluation-codec.js";
export type { Tensor } from "../../proto/tensor-codec.js";
export type {
  Batch,
  BatchSource,
  Cursor,
  DataDescription,
  EvaluationBatch,
  EvaluationSource,
} from "../../runtime/batches/batch-source.js";
export type { EvaluationPart } from "../../runtime/batches/evaluation-order.js";
export { placesOfRank, type Rank } from "../../runtime/draw/ranks.js";
export {
  type AugmentationRecipe,
  DEIT_RECIPE,
  type EraseMode,
  type Interpolation,
  type MixMode,
} from "../../runtime/draw/recipe.js";
export { type ErrorCode, type ErrorDetails, isVitrineError, VitrineError } from "../../runtime/errors.js";
export type { CancelSignal } from "../../runtime/host/environment-types.js";
export type { CropMode, FilterName, InputTransform } from "../../runtime/image/input-transform.js";
export type { ClassScore } from "../../runtime/inference/logits.js";
export type { DataServerOptions } from "./batch-reader.js";
export type { ConnectionSecurity } from "./credentials.js";
export { connectData, type DataClientOptions } from "./data-client.js";
export { connectEvaluation, type EvaluationClientOptions } from "./evaluation-client.js";
export {
  type CallOptions,
  connectInference,
  type InferenceClient,
  type InferenceClientOptions,
  type InferOptions,
  type ModelMetadata,
  type RequestedOutput,
} from "./inference-client.js";
