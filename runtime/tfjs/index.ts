// vitrine/tfjs: for code that has tensors of tfjs. Its packages are optional peers; docs/tfjs.md names them.

export type { DeviceArray, DeviceInputs } from "../executors/executor.js";
export { loadTensorModel, type TensorModel, type TensorModelOptions } from "./tensor-model.js";
export {
  type AnyTensor,
  createTfjsRuntime,
  fromTensor,
  type SharedTfjs,
  shareDevice,
  type TfjsRuntimeOptions,
  toTensor,
} from "./tensors.js";
