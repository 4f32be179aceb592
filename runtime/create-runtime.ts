// Create runtime: turns a device string into an executor, self-checked unless the caller named the GPU, and adds the
// image module.

import { VitrineError } from "./errors.js";
import type { Executor, KernelProgress } from "./executors/executor.js";
import { createTfjsExecutor } from "./executors/tfjs/executor.js";
import { type GpuHandle, TFJS_DEVICES } from "./executors/tfjs/open-backend.js";
import { createWasmExecutor } from "./executors/wasm/executor.js";
import { openAdapter } from "./executors/webgpu/adapter.js";
import { createWebgpuExecutor, type WebgpuExecutorOptions } from "./executors/webgpu/executor.js";
import { automaticTiers, checkTierName, type GpuTier, tierSource } from "./executors/webgpu/tier.js";
import { findAdapter, listAdapters } from "./host/adapters.js";
import { describeAdapter, isSoftware } from "./host/gpu-adapter.js";
import type { Host } from "./host/host.js";
import { createImageModule } from "./image/image-module.js";
import type { Runtime } from "./runtime.js";
import { selfCheck } from "./self-check.js";

/** The device to compute on and how it is used. */
export interface RuntimeOptions {
  /** What the environment provides: `nodeHost()` in Node, `browserHost(assets)` in a page or its worker. */
  host: Host;
  /**
   * `auto` (default: a hardware GPU that passes its self-check, else wasm), `wasm`, `webgpu`, `webgpu:ADAPTER` (names
   * from `listAdapters`), `tfjs:cpu`, `tfjs:webgpu`, `tfjs:webgpu:ADAPTER` or `tfjs:tensorflow`. The packages of tfjs
   * are optional peer dependencies.
   */
  device?: string;
  /**
   * Which of a GPU's optional features the kernels use: `float32`, `subgroups`, `float16`, `matrices`, or `auto`
   * (default): the highest that passes its self-check. Only for the devices `auto` and `webgpu`.
   */
  gpuTier?: string;
  /** Threads of the wasm executor: a number, or `auto`: the cores that this process may use. Default 1. */
  threads?: number | "auto";
  /**
   * Whether the wasm executor computes beside the calling thread even with one thread, so that its event loop keeps
   * running during a long step. Default false.
   */
  background?: boolean;
  /** Fused multiply-add, which changes the last bits: `auto` (default) where the engine has it. */
  relaxed?: boolean | "auto";
  /** Whether the self-check of a GPU that `auto` finds includes the backward kernels. Default false. */
  trains?: boolean;
  /** Called while a GPU's driver compiles kernels: how many of those requested so far are done. */
  onKernels?: (progress: KernelProgress) => void;
}

const ALLOWED = `auto, wasm, webgpu, webgpu:ADAPTER, ${TFJS_DEVICES.join(", ")}`;
const WEBGPU = /^webgpu(?::(.+))?$/;
const TFJS_WEBGPU = /^(tfjs:webgpu)(?::(.+))?$/;

function unknownDevice(device: string): VitrineError {
  const text = `no device "${device}"; allowed: ${ALLOWED} (--device)`;
  return new VitrineError("device/unknown", text, { details: { device } });
}

/**
 * Opens a device, and the image module beside it. With `auto`, a GPU that cannot be opened or fails its self-check is
 * passed over for the CPU; `description` of the result says what was chosen and why. The caller disposes of the
 * runtime.
 *
 * Throws `device/unknown` and `device/unavailable` for a device that does not exist here or whose optional package is
 * missing, `device/tier` for a tier that it does not have, `device/threads` and `device/relaxed-simd` for what this
 * engine cannot do, and `file/not-found` where the package's WebAssembly files are missing.
 *
 * ```ts
 * const runtime = await createRuntime({ host: nodeHost(), threads: "auto" });
 * const model = await loadModel(runtime, nodeModelSource("deit-tiny"));
 * ```
 */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const [{ executor, description }, image] = await Promise.all([
    openExecutor(options),
    createImageModule(options.host),
  ]);
  return { host: options.host, executor, image, description, dispose: () => executor.dispose() };
}

/** As `createRuntime` without the image module, for a thread that decodes nothing. */
export async function openExecutor(
  options: RuntimeOptions,
): Promise<Pick<Runtime, "executor" | "description">> {
  const { device = "auto", gpuTier = "auto", threads = 1, background = false, relaxed = "auto" } = options;
  checkTierName(gpuTier);
  if (gpuTier !== "auto" && device !== "auto" && !WEBGPU.test(device))
    throw new VitrineError("device/tier", `device ${device} has no tiers; --gpu-tier is for webgpu`);
  const wasm = { relaxed, threads, background };
  const { executor, why } =
    device === "auto" ? await chooseAutomatically(options, wasm) : await openDevice(options, device, wasm);
  return { executor, description: executor.description + why };
}

type WasmOptions = Required<Pick<RuntimeOptions, "relaxed" | "threads" | "background">>;

interface Chosen {
  executor: Executor;
  /** Appended to the executor's description where there was a choice. */
  why: string;
}

async function chooseAutomatically(options: RuntimeOptions, wasm: WasmOptions): Promise<Chosen> {
  try {
    const { executor, refused } = await findGpu(gpuChoice(options));
    const reasons = ["a GPU, which passed its self-check", ...refused].join("; not ");
    return { executor, why: ` (auto: ${reasons})` };
  } catch (error) {
    // No failure of a GPU is fatal: the CPU computes instead.
    const reason = error instanceof Error ? error.message : String(error);
    return { executor: await createWasmExecutor(options.host, wasm), why: ` (auto: ${reason})` };
  }
}

async function openDevice(options: RuntimeOptions, device: string, wasm: WasmOptions): Promise<Chosen> {
  const { host } = options;
  if (device === "wasm") return { executor: await createWasmExecutor(host, wasm), why: "" };
  if (device.startsWith("tfjs:")) return { executor: await openTfjs(host, device), why: "" };
  const match = WEBGPU.exec(device);
  if (!match) throw unknownDevice(device);
  const { executor, refused } = await openGpu({ ...gpuChoice(options), adapter: match[1] });
  return { executor, why: refused.length > 0 ? ` (not ${refused.join("; not ")})` : "" };
}

/** The tfjs executor; the GPUDevice of `tfjs:webgpu[:ADAPTER]` is opened as the webgpu executor opens its own. */
async function openTfjs(host: Host, device: string): Promise<Executor> {
  const [, backend = device, adapter] = TFJS_WEBGPU.exec(device) ?? [];
  const openDeviceOfTfjs = async (): Promise<GpuHandle> => {
    const opened = await openAdapter(host, adapter === undefined ? {} : { adapter });
    const { device: own, name, software } = opened;
    return { gpu: own.gpu, name, software, check: () => own.check(), close: () => own.dispose() };
  };
  return createTfjsExecutor(backend, { openGpu: openDeviceOfTfjs, gpuGlobals: host.gpuGlobals });
}

interface GpuChoice extends WebgpuExecutorOptions {
  host: Host;
  /** `auto` or one of GPU_TIERS. */
  tier: string;
  trains: boolean;
}

interface ChosenGpu {
  executor: Executor;
  /** Why each higher tier was refused, one line each. */
  refused: string[];
}

function gpuChoice({ host, gpuTier = "auto", trains = false, onKernels }: RuntimeOptions): GpuChoice {
  return { host, tier: gpuTier, trains, onKernels };
}

/**
 * A GPU that the caller named. A tier that the caller named is not checked; `auto` checks every tier except float32.
 */
async function openGpu(choice: GpuChoice): Promise<ChosenGpu> {
  const { host, tier } = choice;
  if (tier !== "auto") return { executor: await createWebgpuExecutor(host, choice), refused: [] };
  const adapter = await findAdapter(host, choice);
  const tiers = automaticTiers(tierSource(adapter), isSoftware(adapter.info));
  return highestThatPasses(choice, tiers, false);
}

/** A hardware GPU that the caller did not name: its tier is always checked. Throws the reason if there is none. */
async function findGpu(choice: GpuChoice): Promise<ChosenGpu> {
  const { host, tier } = choice;
  if (!host.mayHaveGpu()) throw new VitrineError("device/unavailable", "no GPU was found");
  const adapters = await listAdapters(host);
  if (!adapters.some(({ software }) => !software)) {
    const what = adapters.length > 0 ? `no GPU but ${adapters.map(describeAdapter).join(", ")}` : "no GPU";
    throw new VitrineError("device/unavailable", `${what} was found`);
  }
  const hardware: GpuChoice = { ...choice, hardwareOnly: true };
  const tiers =
    tier === "auto"
      ? automaticTiers(tierSource(await findAdapter(host, hardware)), false)
      : [tier as GpuTier];
  return highestThatPasses(hardware, tiers, true);
}

/**
 * The highest of `tiers` that passes its self-check; the lowest needs none where `checksLowest` is false. Throws the
 * reason why the lowest was refused.
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

/** The executor, or why its self-check failed. */
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
