// Create runtime: chooses what computes, and puts the image module beside it.

import { VitrineError } from "./errors.js";
import type { Executor } from "./executors/executor.js";
import { createTfjsExecutor } from "./executors/tfjs/executor.js";
import { type GpuSeat, TFJS_DEVICES } from "./executors/tfjs/open-backend.js";
import { createWasmExecutor } from "./executors/wasm/executor.js";
import { type AdapterChoice, findAdapter, listAdapters, openAdapter } from "./executors/webgpu/adapter.js";
import { createWebgpuExecutor, type WebgpuExecutorOptions } from "./executors/webgpu/executor.js";
import type { KernelProgress } from "./executors/webgpu/kernels.js";
import { automaticTiers, checkTierName, type GpuTier, tierSource } from "./executors/webgpu/tier.js";
import { describeAdapter, isSoftware } from "./host/gpu-adapter.js";
import type { Host } from "./host/host.js";
import { createImageModule } from "./image/image-module.js";
import type { Runtime } from "./runtime.js";
import { selfCheck } from "./self-check.js";

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

// Choose GPU: an executor on the highest tier of a GPU whose kernels compute what wasm computes.

export interface GpuChoice extends WebgpuExecutorOptions {
  host: Host;
  /** `auto` or one of GPU_TIERS. */
  tier: string;
  /** The self-check covers the backward kernels too. */
  trains: boolean;
}

export interface ChosenGpu {
  executor: Executor;
  /** What stood against higher tiers, one line each. */
  refused: string[];
}

/** The executor, or what stands against it. */
async function checked(
  { host, trains, ...options }: GpuChoice,
  tier: GpuTier,
): Promise<Executor | { reason: Error }> {
  const executor = await createWebgpuExecutor(host, { ...options, tier });
  const trusted = await createWasmExecutor(host);
  try {
    await selfCheck(executor, trusted, trains);
    return executor;
  } catch (error) {
    await executor.dispose();
    return { reason: error instanceof Error ? error : new Error(String(error)) };
  } finally {
    await trusted.dispose();
  }
}

/**
 * The highest of `tiers` that passes its self-check. The lowest is taken unchecked where `checksLowest` is false. Throws
 * what stands against the lowest.
 */
async function highestThatPasses(
  choice: GpuChoice,
  tiers: readonly GpuTier[],
  checksLowest: boolean,
): Promise<ChosenGpu> {
  const refused: string[] = [];
  for (const tier of tiers) {
    const isLowest = tier === tiers.at(-1);
    if (isLowest && !checksLowest)
      return { executor: await createWebgpuExecutor(choice.host, { ...choice, tier }), refused };
    const outcome = await checked(choice, tier);
    if (!("reason" in outcome)) return { executor: outcome, refused };
    if (isLowest) throw outcome.reason;
    refused.push(`${tier}: ${outcome.reason.message}`);
  }
  throw new VitrineError("internal/webgpu", "a GPU without any tier");
}

/** A GPU that was asked for. A tier that was asked for is taken as it is; `auto` takes none but float32 unchecked. */
export async function chooseGpu(choice: GpuChoice): Promise<ChosenGpu> {
  const { host, tier } = choice;
  if (tier !== "auto") return { executor: await createWebgpuExecutor(host, choice), refused: [] };
  const adapter = await findAdapter(host, choice);
  const tiers = automaticTiers(tierSource(adapter), isSoftware(adapter.info));
  return highestThatPasses(choice, tiers, false);
}

/** A hardware GPU that nobody asked for, checked whatever its tier. Throws what stands against it. */
export async function findGpu(choice: GpuChoice): Promise<ChosenGpu> {
  const { host, tier } = choice;
  if (!host.mayHaveGpu()) throw new VitrineError("device/unavailable", "no GPU was found");
  const adapters = await listAdapters(host);
  if (!adapters.some(({ software }) => !software)) {
    const what = adapters.length > 0 ? `no GPU but ${adapters.map(describeAdapter).join(", ")}` : "no GPU";
    throw new VitrineError("device/unavailable", `${what} was found`);
  }
  const hardware: GpuChoice & AdapterChoice = { ...choice, hardwareOnly: true };
  const tiers =
    tier === "auto"
      ? automaticTiers(tierSource(await findAdapter(host, hardware)), false)
      : [tier as GpuTier];
  return highestThatPasses(hardware, tiers, true);
}

// Create tfjs: the tfjs executor, on a GPUDevice that is opened as the webgpu executor opens its own.

const WITH_ADAPTER = /^(tfjs:webgpu)(?::(.+))?$/;

/** `device`: `tfjs:` and a backend, `tfjs:webgpu:` with an adapter too. Throws what `createTfjsExecutor` throws. */
export async function createTfjs(host: Host, device: string): Promise<Executor> {
  const [, backend = device, adapter] = WITH_ADAPTER.exec(device) ?? [];
  const openGpu = async (): Promise<GpuSeat> => {
    const opened = await openAdapter(host, adapter === undefined ? {} : { adapter });
    const { device: own, name, software } = opened;
    return { gpu: own.gpu, name, software, check: () => own.check(), close: () => own.dispose() };
  };
  return createTfjsExecutor(backend, { openGpu, gpuGlobals: host.gpuGlobals });
}
