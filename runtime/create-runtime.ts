// Create runtime: chooses what computes, and puts the image module beside it.

import { VitrineError } from "./errors.js";
import type { Executor } from "./executors/executor.js";
import { createWasmExecutor } from "./executors/wasm/executor.js";
import type { Host } from "./host/host.js";
import { createImageModule, type ImageModule } from "./image/image-module.js";

export interface RuntimeOptions {
  host: Host;
  /** `auto` (default) or `wasm`; `webgpu`, `tfjs:webgpu`, `tfjs:tensorflow` and `tfjs:cpu` are names without a build. */
  device?: string;
  /** Threads of the wasm executor: a number, or `auto`: the cores that this process may use. Default 1. */
  threads?: number | "auto";
  /** Fused multiply-add, which changes last bits: `auto` (default) where the engine has it. */
  relaxed?: boolean | "auto";
}

export interface Runtime {
  readonly host: Host;
  readonly executor: Executor;
  readonly image: ImageModule;
  /** One line for people: what computes, and why where `auto` chose. */
  readonly description: string;
  dispose(): Promise<void>;
}

const BUILT = ["auto", "wasm"];
const PLANNED = ["webgpu", "tfjs:webgpu", "tfjs:tensorflow", "tfjs:cpu"];

function checkDevice(device: string): void {
  if (BUILT.includes(device)) return;
  const allowed = `allowed: ${BUILT.join(", ")} (--device)`;
  const details = { device };
  if (PLANNED.includes(device))
    throw new VitrineError("device/unavailable", `device ${device} is not built yet; ${allowed}`, {
      details,
    });
  throw new VitrineError("device/unknown", `no device "${device}"; ${allowed}`, { details });
}

/** Throws `device/unknown`, `device/unavailable`, `device/threads`, and what the executor throws. */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { host, device = "auto", threads = 1, relaxed = "auto" } = options;
  checkDevice(device);
  const [executor, image] = await Promise.all([
    createWasmExecutor(host, { relaxed, threads }),
    createImageModule(host),
  ]);
  const why = device === "auto" ? " (auto: the wasm executor is the only one built so far)" : "";
  return {
    host,
    executor,
    image,
    description: executor.description + why,
    dispose: () => executor.dispose(),
  };
}
