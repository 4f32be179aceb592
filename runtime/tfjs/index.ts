// vitrine/tfjs: for code that has tensors of tfjs. Its packages are optional peers; docs/tfjs.md names them.

export type { DeviceArray, DeviceInputs } from "../executors/executor.js";
export { createTfjsRuntime, type TfjsRuntimeOptions } from "./create-runtime.js";
export { loadTensorModel, type TensorModel, type TensorModelOptions } from "./tensor-model.js";
export { type AnyTensor, fromTensor, type SharedTfjs, shareDevice, toTensor } from "./tensors.js";
