// Runtime: what computes and what decodes images, as models use it. Declares only; create-runtime.ts makes one.

import type { Executor } from "./executors/executor.js";
import type { Host } from "./host/host.js";
import type { ImageModule } from "./image/image-module.js";

/**
 * A device to compute on and a decoder for its pictures, made by `createRuntime`. Models on it share both; dispose of
 * them first.
 */
export interface Runtime {
  readonly host: Host;
  /** Compiles and runs programs, and holds the weights. */
  readonly executor: Executor;
  /** Decodes and transforms pictures, on the CPU whatever the device. */
  readonly image: ImageModule;
  /** One line for people: what computes and, where `auto` chose it, why. */
  readonly description: string;
  /** Frees the executor and its device; stores and programs of it can no longer be used. */
  dispose(): Promise<void>;
}
