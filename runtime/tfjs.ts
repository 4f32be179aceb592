// vitrine/tfjs: for code that has tensors of tfjs. Its packages are optional peers; docs/tfjs.md names them.

export type { DeviceArray, DeviceInputs } from "./executors/executor.js";
export { loadTensorModel, type TensorModel, type TensorModelOptions } from "./tensor-model.js";
export { createTfjsRuntime, type TfjsRuntimeOptions } from "./tfjs-runtime.js";
export { type AnyTensor, fromTensor, type SharedTfjs, shareDevice, toTensor } from "./tfjs-tensors.js";
