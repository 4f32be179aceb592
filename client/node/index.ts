// The Node clients, as `vitrine/client` gives them.

export { connectData, type DataClientOptions } from "./data-client.js";
export type { CallOptions } from "./inference-call.js";
export {
  connectInference,
  type InferenceClient,
  type InferenceClientOptions,
  type InferOptions,
  type ModelMetadata,
} from "./inference-client.js";
