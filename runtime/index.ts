// vitrine/runtime: models, weights and what computes them, in Node and in a browser.

export { createRuntime, type RuntimeOptions } from "./create-runtime.js";
export { type ErrorCode, isVitrineError, VitrineError } from "./errors.js";
export { listAdapters } from "./executors/webgpu/adapter.js";
export { browserHost, urlModelSource } from "./host/browser.js";
export { describeAdapter, type GpuAdapter } from "./host/gpu-adapter.js";
export type { Host, ModelSource } from "./host/host.js";
export type { ClassScore, Logits } from "./inference/logits.js";
export { type ClassifyOptions, loadModel, type Model, type ModelOptions } from "./load-model.js";
export { type OpenModel, openModel } from "./model-files/open-model.js";
export { type OpenClassifier, openClassifier } from "./model-files/read-model.js";
export type { ClassifierConfig, DeitConfig } from "./models/config.js";
export { MODEL_NAMES, publishedConfig } from "./models/deit/config.js";
export { completeConfig, readConfigJson, writeConfigJson } from "./models/deit/family.js";
export type { ModelConfig } from "./models/families.js";
export { matchClasses } from "./models/labels.js";
export type { Runtime } from "./runtime.js";
export { resizePositionEmbedding } from "./weights/position-embedding.js";
export { floatTensors, readSafetensors, storedFloats, writeSafetensors } from "./weights/safetensors.js";
export type { NamedTensor, TensorMap } from "./weights/tensor-map.js";
export type { WeightDtype } from "./weights/weight-dtype.js";
