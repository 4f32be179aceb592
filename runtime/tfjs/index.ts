// vitrine/tfjs: Vitrine's models for code that uses tensors of tfjs. Its packages are optional peer dependencies
// (docs/tfjs.md).

export type { DeviceArray } from "../executors/device-store.js";
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
