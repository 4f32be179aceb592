// The WebGPU executor: programs as command buffers of compute kernels, on any device with WebGPU.

import type { FusionName } from "../../graph/fusion.js";
import type { PlanOptions } from "../../graph/planner.js";
import type { Program } from "../../graph/program.js";
import type { Host } from "../../host/host.js";
import type { Executable, Executor, Store, StoreLayout } from "../executor.js";
import { type AdapterChoice, type OpenAdapter, openAdapter } from "./adapter.js";
import { Arena } from "./arena.js";
import type { Device, GpuMemory } from "./device.js";
import { BINDING_ALIGNMENT } from "./device.js";
import { WebgpuExecutable, type Workplace } from "./executable.js";
import { type KernelProgress, Kernels } from "./kernels.js";
import { tileTable } from "./product-tile.js";
import { HALVED_ALIGNMENT, WebgpuStore } from "./store.js";
import type { GpuTier } from "./tier.js";
import { Staging } from "./transfer.js";

export interface WebgpuExecutorOptions extends AdapterChoice {
  /** Called after each pipeline that is made. */
  onKernels?: (progress: KernelProgress) => void;
  /** Largest buffer of the programs' memory, where it is to be smaller than the device's. */
  bufferBytes?: number;
}

const FUSES: ReadonlySet<FusionName> = new Set([
  "linear-gelu",
  "linear-residual",
  "linear-scaled-residual",
  "linear-relu",
  "conv-relu",
  "norm-linear",
  "gelu-gradient",
  "scaled-gradient",
  "loss-gradient",
]);

export class WebgpuExecutor implements Executor {
  readonly device: string;
  readonly description: string;
  /** Drivers contract products and sums as they like. */
  readonly fusedMultiplyAdd = true;
  readonly tier: GpuTier;
  readonly halfPrecision: boolean;
  readonly #place: Workplace;

  constructor(
    { device, name, software, tier }: OpenAdapter,
    { adapter, onKernels, bufferBytes = Number.POSITIVE_INFINITY }: WebgpuExecutorOptions,
  ) {
    this.device = adapter === undefined ? "webgpu" : `webgpu:${adapter}`;
    this.description = `webgpu: ${name}${software ? " (software)" : ""}, ${tier.name}`;
    this.tier = tier.name;
    this.halfPrecision = tier.half;
    const [kernels, arena, staging] = [
      new Kernels(device, onKernels),
      new Arena(device, Math.min(bufferBytes, largestBuffer(device))),
      new Staging(device),
    ];
    this.#place = { device, kernels, arena, staging, tiles: tileTable(software, tier.half), tier };
  }

  /** WebGPU does not tell how much memory there is: a device says so when it has no more. */
  get capabilities(): PlanOptions {
    const { tier, arena } = this.#place;
    return {
      fuses: FUSES,
      alignmentBytes: tier.half ? HALVED_ALIGNMENT : BINDING_ALIGNMENT,
      limitBytes: Number.POSITIVE_INFINITY,
      bufferBytes: arena.pieceBytes,
      halfActivations: tier.half,
    };
  }

  get gpu(): GPUDevice {
    return this.#place.device.gpu;
  }

  /** What the executor, its stores and its programs hold on the device now. */
  get memory(): GpuMemory {
    return this.#place.device.memory;
  }

  createStore(layout: StoreLayout): Store {
    const { device, staging, tier } = this.#place;
    return new WebgpuStore(device, staging, layout, tier.half ? this.#place : undefined);
  }

  async compile(program: Program, stores: ReadonlyMap<string, Store>): Promise<Executable> {
    return WebgpuExecutable.compile(this.#place, program, stores);
  }

  async dispose(): Promise<void> {
    const { device, arena, staging } = this.#place;
    arena.dispose();
    staging.dispose();
    device.dispose();
  }
}

/** A buffer that a kernel can be given whole. */
function largestBuffer({ gpu }: Device): number {
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  const largest = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  return largest - (largest % HALVED_ALIGNMENT);
}

/**
 * An executor with a device of its own. Throws `device/unavailable` where there is no adapter, or, in Node, no
 * package `webgpu`.
 */
export async function createWebgpuExecutor(
  host: Host,
  options: WebgpuExecutorOptions = {},
): Promise<WebgpuExecutor> {
  return new WebgpuExecutor(await openAdapter(host, options), options);
}
