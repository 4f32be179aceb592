// Create runtime: chooses what computes, and puts the image module beside it.

import { VitrineError } from "./errors.js";
import type { Executor } from "./executors/executor.js";
import { createWasmExecutor } from "./executors/wasm/executor.js";
import { createWebgpuExecutor } from "./executors/webgpu/executor.js";
import type { Host } from "./host/host.js";
import { createImageModule, type ImageModule } from "./image/image-module.js";

export interface RuntimeOptions {
  host: Host;
  /**
   * `auto` (default: wasm), `wasm`, `webgpu` or `webgpu:` with an adapter; `tfjs:webgpu`,
   * `tfjs:tensorflow` and `tfjs:cpu` are names without a build.
   */
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

const ALLOWED = "auto, wasm, webgpu, webgpu:ADAPTER";
const PLANNED = ["tfjs:webgpu", "tfjs:tensorflow", "tfjs:cpu"];
const WEBGPU = /^webgpu(?::(.+))?$/;

function unknownDevice(device: string): VitrineError {
  const allowed = `allowed: ${ALLOWED} (--device)`;
  const details = { device };
  return PLANNED.includes(device)
    ? new VitrineError("device/unavailable", `device ${device} is not built yet; ${allowed}`, { details })
    : new VitrineError("device/unknown", `no device "${device}"; ${allowed}`, { details });
}

type WasmOptions = Required<Pick<RuntimeOptions, "relaxed" | "threads">>;

interface Chosen {
  executor: Executor;
  /** Said behind the executor's own description where there was a choice. */
  why: string;
}

/** Its kernels were compared with the wasm executor's on software drivers only: a GPU is taken when it is asked for. */
const WHY_WASM = " (auto: WebGPU is there when it is asked for, --device webgpu)";

async function chooseExecutor(host: Host, device: string, wasm: WasmOptions): Promise<Chosen> {
  if (device === "auto") return { executor: await createWasmExecutor(host, wasm), why: WHY_WASM };
  if (device === "wasm") return { executor: await createWasmExecutor(host, wasm), why: "" };
  const match = WEBGPU.exec(device);
  if (!match) throw unknownDevice(device);
  const executor = await createWebgpuExecutor(host, match[1] === undefined ? {} : { adapter: match[1] });
  return { executor, why: "" };
}

/** Throws `device/unknown`, `device/unavailable`, `device/threads`, and what the executor throws. */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { host, device = "auto", threads = 1, relaxed = "auto" } = options;
  const [{ executor, why }, image] = await Promise.all([
    chooseExecutor(host, device, { relaxed, threads }),
    createImageModule(host),
  ]);
  return {
    host,
    executor,
    image,
    description: executor.description + why,
    dispose: () => executor.dispose(),
  };
}
