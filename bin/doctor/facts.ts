// Facts: what the doctor finds out about this machine: engine, cores, memory, GPUs.

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { isVitrineError } from "../../runtime/errors.js";
import { automaticTiers, type GpuTier, offeredTiers } from "../../runtime/executors/webgpu/tier.js";
import type { PlanOptions } from "../../runtime/graph/program.js";
import { listAdapters } from "../../runtime/host/adapters.js";
import { cgroupCores } from "../../runtime/host/cgroup-cores.js";
import type { GpuAdapter } from "../../runtime/host/gpu-adapter.js";
import type { Host } from "../../runtime/host/host.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { publishedConfig } from "../../runtime/models/families.js";
import { largestTrainingBatch, planTraining } from "../../runtime/training/plan.js";

/** The JavaScript engine and the CPU vectors that it uses. */
export interface EngineFacts {
  node: string;
  v8: string;
  platform: string;
  arch: string;
  processor: string;
  /** Whether the engine can run the kernels at all. */
  simd128: boolean;
  /** Fused multiply-add. */
  relaxedSimd: boolean;
  /** 256-bit operations, which V8 makes from adjacent 128-bit ones. */
  wideSimd: boolean;
  /** Why not, where there are none. */
  wideSimdReason: string | null;
}

function whyNotWide(): string {
  if (process.env.VITRINE_WIDE_SIMD === "off") return "VITRINE_WIDE_SIMD=off in the environment";
  if (process.arch !== "x64") return `V8 supports them only on x64, not on ${process.arch}`;
  return `Node ${process.versions.node.split(".")[0]} does not support them; Node 24 does`;
}

/** Enables relaxed and wide SIMD where the engine has them, as the executor does. */
export async function engineFacts(host: Host): Promise<EngineFacts> {
  const wideSimd = host.enableWideSimd?.() ?? false;
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    platform: process.platform,
    arch: process.arch,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    simd128: WebAssembly.validate(await host.readAsset("wasm/nn.wasm")),
    relaxedSimd: host.enableRelaxedSimd(),
    wideSimd,
    wideSimdReason: wideSimd ? null : whyNotWide(),
  };
}

/** Cores of the machine and of this process: `--threads auto` starts one thread on each of the latter. */
export interface CoreFacts {
  /** Logical cores of the machine. */
  logical: number;
  /** Cores that the process may be scheduled on. */
  allowed: number;
  /** The control group's quota in whole cores; null without one. */
  quota: number | null;
  /** The smallest of these: the cores that this process uses. */
  budget: number;
  /** Whether threads can share memory. */
  sharedMemory: boolean;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

export function coreFacts(host: Host): CoreFacts {
  const quota = cgroupCores(textOf);
  return {
    logical: cpus().length,
    allowed: availableParallelism(),
    quota: Number.isFinite(quota) ? quota : null,
    budget: host.cores(),
    sharedMemory: host.spawnWorker !== undefined,
  };
}

/** Memory that the machine, a container and WebAssembly leave, and the training batches that fit. */
export interface MemoryFacts {
  machineBytes: number;
  /** The control group's limit; null without one. */
  limitBytes: number | null;
  /** Free for this process now. */
  availableBytes: number;
  /** What is left of the 4 GiB that the wasm executor can address. */
  wasmBytes: number;
  training: TrainingFacts;
}

export interface TrainingFacts {
  model: string;
  /** Planned bytes of a batch of 8. */
  bytesOf8: number;
  largestBatch: number;
  largestRecomputed: number;
}

const MODEL = "deit_tiny_distilled_patch16_224";
/** Upper bound of the search: main.py's batch on sixteen GPUs, far beyond what a CPU trains with. */
const MOST = 2048;

function trainingFacts(capabilities: PlanOptions): TrainingFacts {
  const config = publishedConfig(MODEL) as DeitConfig;
  const run = { distillation: "none" as const, alpha: 0.5, tau: 1, dropPath: 0.1, ema: true };
  const options = { ...run, config, batchSize: 8 };
  const largest = (recompute: boolean) => largestTrainingBatch({ ...options, recompute }, capabilities, MOST);
  return {
    model: MODEL,
    bytesOf8: planTraining(options, capabilities).bytes,
    largestBatch: largest(false),
    largestRecomputed: largest(true),
  };
}

/** Plans programs, allocates nothing; takes about a second. */
export function memoryFacts(capabilities: PlanOptions): MemoryFacts {
  const machineBytes = totalmem();
  const limit = process.constrainedMemory();
  return {
    machineBytes,
    // Without a limit, some systems report 0 and some the largest integer.
    limitBytes: limit > 0 && limit < machineBytes ? limit : null,
    availableBytes: process.availableMemory(),
    wasmBytes: capabilities.limitBytes,
    training: trainingFacts(capabilities),
  };
}

export interface FoundAdapter extends GpuAdapter {
  /** Lowest first. */
  tiers: GpuTier[];
  /** The one that `--gpu-tier auto` tries first. */
  automaticTier: GpuTier;
}

/** The GPUs that `--device webgpu` can use, software ones included. */
export interface AdapterFacts {
  list: readonly FoundAdapter[];
  /** Why the list is empty. */
  reason: string | null;
}

const NONE = "no driver offers an adapter: a GPU with a Vulkan, Metal or Direct3D 12 driver is needed";

function withTiers(adapter: GpuAdapter): FoundAdapter {
  const tiers = offeredTiers(adapter).map(({ name }) => name);
  return { ...adapter, tiers, automaticTier: automaticTiers(adapter, adapter.software)[0] ?? "float32" };
}

export async function adapterFacts(host: Host): Promise<AdapterFacts> {
  try {
    const list = (await listAdapters(host)).map(withTiers);
    return { list, reason: list.length > 0 ? null : NONE };
  } catch (error) {
    if (!isVitrineError(error)) throw error;
    return { list: [], reason: error.message };
  }
}
