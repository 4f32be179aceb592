// Create runtime: chooses what computes, and puts the image module beside it.

import { chooseGpu, findGpu, type GpuChoice } from "./choose-gpu.js";
import { createTfjs } from "./create-tfjs.js";
import { VitrineError } from "./errors.js";
import type { Executor } from "./executors/executor.js";
import { TFJS_DEVICES } from "./executors/tfjs/open-backend.js";
import { createWasmExecutor } from "./executors/wasm/executor.js";
import type { KernelProgress } from "./executors/webgpu/kernels.js";
import { checkTierName } from "./executors/webgpu/tier.js";
import type { Host } from "./host/host.js";
import { createImageModule, type ImageModule } from "./image/image-module.js";

export interface RuntimeOptions {
  host: Host;
  /**
   * `auto` (default: a hardware GPU that passes its self-check, else wasm), `wasm`, `webgpu` or `webgpu:` with an adapter
   * (`listAdapters` has their names), `tfjs:cpu`, `tfjs:webgpu`, `tfjs:webgpu:` with an adapter, or `tfjs:tensorflow`.
   * The packages of tfjs are optional peers.
   */
  device?: string;
  /**
   * Which of a GPU's optional features the kernels use: `float32`, `subgroups`, `float16`, `matrices`, or `auto`
   * (default), the highest that passes its self-check. `device` is `auto` or `webgpu` then.
   */
  gpuTier?: string;
  /** Threads of the wasm executor: a number, or `auto`: the cores that this process may use. Default 1. */
  threads?: number | "auto";
  /** Fused multiply-add, which changes last bits: `auto` (default) where the engine has it. */
  relaxed?: boolean | "auto";
  /** The self-check of a GPU that `auto` finds covers the backward kernels too. Default false. */
  trains?: boolean;
  /** Called while a GPU's driver compiles kernels: how many of those that are wanted so far it has made. */
  onKernels?: (progress: KernelProgress) => void;
}

export interface Runtime {
  readonly host: Host;
  readonly executor: Executor;
  readonly image: ImageModule;
  /** One line for people: what computes, and why where `auto` chose. */
  readonly description: string;
  dispose(): Promise<void>;
}

const ALLOWED = `auto, wasm, webgpu, webgpu:ADAPTER, ${TFJS_DEVICES.join(", ")}`;
const WEBGPU = /^webgpu(?::(.+))?$/;

function unknownDevice(device: string): VitrineError {
  const text = `no device "${device}"; allowed: ${ALLOWED} (--device)`;
  return new VitrineError("device/unknown", text, { details: { device } });
}

type WasmOptions = Required<Pick<RuntimeOptions, "relaxed" | "threads">>;

interface Chosen {
  executor: Executor;
  /** Said behind the executor's own description where there was a choice. */
  why: string;
}

function gpuChoice({ host, gpuTier = "auto", trains = false, onKernels }: RuntimeOptions): GpuChoice {
  return { host, tier: gpuTier, trains, onKernels };
}

async function chooseAutomatically(options: RuntimeOptions, wasm: WasmOptions): Promise<Chosen> {
  try {
    const { executor, refused } = await findGpu(gpuChoice(options));
    const reasons = ["a GPU, which passed its self-check", ...refused].join("; not ");
    return { executor, why: ` (auto: ${reasons})` };
  } catch (error) {
    // Whatever a GPU's driver does wrong, the processor can compute.
    const reason = error instanceof Error ? error.message : String(error);
    return { executor: await createWasmExecutor(options.host, wasm), why: ` (auto: ${reason})` };
  }
}

async function chooseExecutor(options: RuntimeOptions, device: string, wasm: WasmOptions): Promise<Chosen> {
  const { host } = options;
  if (device === "wasm") return { executor: await createWasmExecutor(host, wasm), why: "" };
  if (device.startsWith("tfjs:")) return { executor: await createTfjs(host, device), why: "" };
  const match = WEBGPU.exec(device);
  if (!match) throw unknownDevice(device);
  const { executor, refused } = await chooseGpu({ ...gpuChoice(options), adapter: match[1] });
  return { executor, why: refused.length > 0 ? ` (not ${refused.join("; not ")})` : "" };
}

/** Throws `device/unknown`, `device/unavailable`, `device/tier`, `device/threads`, and what the executor throws. */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { host, device = "auto", gpuTier = "auto", threads = 1, relaxed = "auto" } = options;
  checkTierName(gpuTier);
  if (gpuTier !== "auto" && device !== "auto" && !WEBGPU.test(device))
    throw new VitrineError("device/tier", `device ${device} has no tiers; --gpu-tier is for webgpu`);
  const wasm = { relaxed, threads };
  const [{ executor, why }, image] = await Promise.all([
    device === "auto" ? chooseAutomatically(options, wasm) : chooseExecutor(options, device, wasm),
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
