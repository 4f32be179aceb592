// The WebGPU executor: programs as command buffers of compute kernels, on any device with WebGPU.

import type { FusionName, PlanOptions, Program } from "../../graph/program.js";
import type { Host } from "../../host/host.js";
import type { Store, StoreLayout } from "../device-store.js";
import type { Executable, Executor, KernelProgress } from "../executor.js";
import { type DeviceChoice, type OpenAdapter, openAdapter } from "./adapter.js";
import { Arena } from "./arena.js";
import { BINDING_ALIGNMENT, type Device, type GpuMemory } from "./device.js";
import { type ExecutionContext, WebgpuExecutable } from "./executable.js";
import { Kernels } from "./kernels.js";
import { HALVED_ALIGNMENT, WebgpuStore } from "./store.js";
import { type GpuTier, tileTable } from "./tier.js";
import { Staging } from "./transfer.js";

export interface WebgpuExecutorOptions extends DeviceChoice {
  /** Called after each pipeline that is compiled. */
  onKernels?: (progress: KernelProgress) => void;
  /** Largest buffer of the arena in bytes. Default: the largest that a kernel of the device takes. */
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
  /** Drivers may contract products and sums. */
  readonly fusedMultiplyAdd = true;
  readonly adapter: { readonly name: string; readonly software: boolean };
  readonly tier: GpuTier;
  readonly halfPrecision: boolean;
  readonly #context: ExecutionContext;

  constructor(
    { device, name, software, tier }: OpenAdapter,
    { adapter, onKernels, bufferBytes = Number.POSITIVE_INFINITY }: WebgpuExecutorOptions,
  ) {
    this.device = adapter === undefined ? "webgpu" : `webgpu:${adapter}`;
    this.description = `webgpu: ${name}${software ? " (software)" : ""}, ${tier.name}`;
    this.adapter = { name, software };
    this.tier = tier.name;
    this.halfPrecision = tier.half;
    const [kernels, arena, staging] = [
      new Kernels(device, onKernels),
      new Arena(device, Math.min(bufferBytes, largestBuffer(device))),
      new Staging(device),
    ];
    this.#context = { device, kernels, arena, staging, tiles: tileTable(software, tier.half), tier };
  }

  /** WebGPU does not report how much memory there is: a device reports when it runs out. */
  get capabilities(): PlanOptions {
    const { tier, arena } = this.#context;
    return {
      fuses: FUSES,
      alignmentBytes: tier.half ? HALVED_ALIGNMENT : BINDING_ALIGNMENT,
      limitBytes: Number.POSITIVE_INFINITY,
      bufferBytes: arena.pieceBytes,
      halfActivations: tier.half,
    };
  }

  get gpu(): GPUDevice {
    return this.#context.device.gpu;
  }

  /** The buffers that the executor, its stores and its programs hold now. */
  get memory(): GpuMemory {
    return this.#context.device.memory;
  }

  createStore(layout: StoreLayout): Store {
    const { device, staging, tier } = this.#context;
    return new WebgpuStore(device, staging, layout, tier.half ? this.#context : undefined);
  }

  async compile(program: Program, stores: ReadonlyMap<string, Store>): Promise<Executable> {
    return WebgpuExecutable.compile(this.#context, program, stores);
  }

  async dispose(): Promise<void> {
    const { device, arena, staging } = this.#context;
    arena.dispose();
    staging.dispose();
    device.dispose();
  }
}

/** The largest buffer that a kernel can bind as a whole. */
function largestBuffer({ gpu }: Device): number {
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  const largest = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  return largest - (largest % HALVED_ALIGNMENT);
}

/**
 * An executor with its own device. Throws `device/unavailable` where there is no adapter or, in Node, no package
 * `webgpu`; `device/tier` where the adapter does not offer `options.tier`.
 */
export async function createWebgpuExecutor(
  host: Host,
  options: WebgpuExecutorOptions = {},
): Promise<WebgpuExecutor> {
  return new WebgpuExecutor(await openAdapter(host, options), options);
}
