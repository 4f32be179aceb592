// Runtime: what computes and what decodes images, as models use it. Declares only; create-runtime.ts makes one.

import type { Executor } from "./executors/executor.js";
import type { Host } from "./host/host.js";
import type { ImageModule } from "./image/image-module.js";

export interface Runtime {
  readonly host: Host;
  readonly executor: Executor;
  readonly image: ImageModule;
  /** One line for people: what computes and, where `auto` chose it, why. */
  readonly description: string;
  /** Frees the executor and its device; stores and programs of it can no longer be used. */
  dispose(): Promise<void>;
}
