// vitrine/runtime: models, weights and what computes them, in Node and in a browser.

export { createRuntime, type RuntimeOptions } from "./create-runtime.js";
export { type ErrorCode, isVitrineError, VitrineError } from "./errors.js";
export { listAdapters } from "./executors/webgpu/adapter.js";
export { browserHost, urlModelSource } from "./host/browser.js";
export { describeAdapter, type GpuAdapter } from "./host/gpu-adapter.js";
export type { Host, ModelSource } from "./host/host.js";
export type { ClassScore, Logits } from "./inference/logits.js";
export { type ClassifyOptions, loadModel, type Model, type ModelOptions } from "./load-model.js";
export { readModel, type StoredModel } from "./model-files/stored-model.js";
export type { ClassifierConfig } from "./models/config.js";
export type { DeitConfig } from "./models/deit/config.js";
export { completeConfig } from "./models/deit/config.js";
export type { ModelConfig } from "./models/families.js";
export { MODEL_NAMES, publishedConfig, readConfigJson, writeConfigJson } from "./models/families.js";
export { matchClasses } from "./models/labels.js";
export type { Runtime } from "./runtime.js";
export { resizePositionEmbedding } from "./weights/position-embedding.js";
export { floatTensors, readSafetensors, storedFloats, writeSafetensors } from "./weights/safetensors.js";
export type { NamedTensor, TensorMap } from "./weights/tensor-map.js";
export type { WeightDtype } from "./weights/weight-dtype.js";
