// vitrine/runtime, in Node and in a browser: createRuntime chooses a device, loadModel puts a model on it to classify.
//
// Below these: createInference and createTraining are the programs of a model; GraphBuilder, the operations and
// planProgram make programs of other graphs, which an Executor compiles and runs. Types are named where a function
// takes or returns them.

export { createRuntime, type RuntimeOptions } from "./create-runtime.js";
export type { DrawMath } from "./draw/random.js";
export { type ErrorCode, type ErrorDetails, isVitrineError, VitrineError } from "./errors.js";
export type {
  DeviceArray,
  Int8Store,
  ProgramStores,
  Store,
  StoreLayout,
  StoreOptions,
} from "./executors/device-store.js";
export type {
  CalibratedBlock,
  CompileOptions,
  DeviceInputs,
  Executable,
  Executor,
  KernelProgress,
  OperationsDone,
} from "./executors/executor.js";
export type { Started } from "./executors/pipelined.js";
export { type DifferentiateOptions, differentiate } from "./graph/autodiff.js";
export type { Catalog, Operation, OperationType, TensorId } from "./graph/catalog.js";
export { GraphBuilder } from "./graph/graph.js";
export { gelu, relu, sigmoid } from "./graph/operations/activations.js";
export { attention } from "./graph/operations/attention.js";
export { type BatchNormTensors, batchNorm } from "./graph/operations/batch-norm.js";
export { globalAveragePool, scaleChannels } from "./graph/operations/channels.js";
export { type ConvolutionOptions, conv2d } from "./graph/operations/conv2d.js";
export { layerNorm } from "./graph/operations/layer-norm.js";
export { linear } from "./graph/operations/linear.js";
export { hardDistillation, softDistillation, softTargetCrossEntropy } from "./graph/operations/losses.js";
export { channelsLast, normalizeBytes, patchifyBytes, patchifyImage } from "./graph/operations/patchify.js";
export { residual } from "./graph/operations/residual.js";
export { dot, scaledSum } from "./graph/operations/sums.js";
export {
  assembleTokens,
  type PrefixTokens,
  selectToken,
  selectTokensFrom,
} from "./graph/operations/tokens.js";
export { planProgram } from "./graph/planner.js";
export type {
  FusionName,
  Graph,
  Placement,
  PlanOptions,
  Program,
  ProgramInputs,
  ProgramOutputs,
  RowSpan,
  Segment,
} from "./graph/program.js";
export type { ElementType, Origin, Shape, Tensor } from "./graph/tensor.js";
export { listAdapters } from "./host/adapters.js";
export { browserHost } from "./host/browser.js";
export type { AssetLocator } from "./host/browser-assets.js";
export type { DownloadProgress, ExpectedFile } from "./host/browser-download.js";
export {
  type DownloadFacts,
  type HttpModelSource,
  type HttpSourceOptions,
  urlModelSource,
  type WeightsFile,
} from "./host/browser-source.js";
export { clearCache } from "./host/browser-store.js";
export type { CancelSignal, Gpu, GpuBuffer, GpuDevice, Url, WebWorker } from "./host/environment-types.js";
export { describeAdapter, type GpuAdapter, type SubgroupMatrix } from "./host/gpu-adapter.js";
export type { Host, HostWorker, ModelSource, ThreadPort } from "./host/host.js";
export type { ImageModule } from "./image/image-module.js";
export type { CropMode, FilterName, InputTransform } from "./image/input-transform.js";
export type { Answer, AttentionMaps, ExtraResults, ImageTensor } from "./inference/answer.js";
export type { TokenAttention } from "./inference/attention-rollout.js";
export { type ClassScore, classScores, type Logits, softmax } from "./inference/logits.js";
export {
  createInference,
  type InferenceOptions,
  type InferenceProgram,
  type Matrices,
} from "./inference/program.js";
export { type ClassifyOptions, loadModel, type Model, type ModelOptions } from "./load-model.js";
export { convertModel } from "./model-files/convert.js";
export { type ReadingOptions, readModel, type StoredModel } from "./model-files/stored-model.js";
export type { ClassifierConfig } from "./models/config.js";
export type { ConfigFile } from "./models/config-fields.js";
export { completeConfig, type DeitConfig } from "./models/deit/config.js";
export {
  initialWeights,
  MODEL_NAMES,
  publishedConfig,
  readConfigJson,
  writeConfigJson,
} from "./models/families.js";
export { type ClassMatch, type ClassOrder, matchClasses } from "./models/labels.js";
export type { ModelConfig } from "./models/model-config.js";
export type { RegnetyConfig, RegnetyStage } from "./models/regnety/config.js";
export { type StartingWeights, startingWeights } from "./models/starting-weights.js";
export type { Runtime } from "./runtime.js";
export type {
  AppliedStep,
  BatchLoss,
  Distillation,
  LossScale,
  LossSums,
  LossTerms,
  OptimizerName,
  OptimizerStep,
  PieceTraining,
  SoftScale,
  StepOutcome,
  Training,
  TrainingInputs,
  TrainingOptions,
  TrainingState,
} from "./training/contract.js";
export { createTraining, type ImageInputs, type ImageTraining } from "./training/program.js";
export type { Int8Matrix } from "./weights/int8-matrix.js";
export { resizePositionEmbedding } from "./weights/position-embedding.js";
export {
  floatTensors,
  readSafetensors,
  type SafetensorsFile,
  type StoredData,
  type StoredTensor,
  storedFloats,
  writeSafetensors,
} from "./weights/safetensors.js";
export type { SafetensorsDtype } from "./weights/safetensors-header.js";
export type { NamedTensor, ParameterShapes, TensorMap } from "./weights/tensor-map.js";
export type { WeightFileOptions } from "./weights/torch-file.js";
export type { FloatDtype, WeightDtype } from "./weights/weight-dtype.js";
