// Kernels: WGSL sources become pipelines, each made once.

import { VitrineError } from "../../errors.js";
import type { Device } from "./device.js";
import { type KernelVariant, kernelText } from "./kernel-text.js";

export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

function keyOf({ kernel, constants, aliases, halves }: KernelVariant): string {
  return JSON.stringify([kernel, constants, [...aliases], [...halves]]);
}

/** Pipelines of an executor: a driver compiles each, which may take it a second. */
export interface KernelProgress {
  readonly made: number;
  /** Asked for so far: a later program may want more. */
  readonly wanted: number;
}

export class Kernels {
  readonly #device: Device;
  readonly #onProgress: (progress: KernelProgress) => void;
  readonly #kernels = new Map<string, Promise<Kernel>>();
  #made = 0;

  constructor(device: Device, onProgress: (progress: KernelProgress) => void = () => {}) {
    this.#device = device;
    this.#onProgress = onProgress;
  }

  /** All of them, made side by side; what was made before is not made again. Throws `internal/kernels`. */
  async load(variants: readonly KernelVariant[]): Promise<Kernel[]> {
    return Promise.all(
      variants.map((variant) => {
        const key = keyOf(variant);
        const kernel = this.#kernels.get(key) ?? this.#make(variant);
        this.#kernels.set(key, kernel);
        return kernel;
      }),
    );
  }

  async #make(variant: KernelVariant): Promise<Kernel> {
    const { gpu } = this.#device;
    const label = variant.kernel;
    const module = gpu.createShaderModule({ label, code: kernelText(variant) });
    try {
      const pipeline = await gpu.createComputePipelineAsync({
        label,
        layout: "auto",
        compute: { module, entryPoint: "main" },
      });
      this.#made++;
      this.#onProgress({ made: this.#made, wanted: this.#kernels.size });
      return { pipeline, layout: pipeline.getBindGroupLayout(0) };
    } catch (cause) {
      this.#device.check();
      const { messages } = await module.getCompilationInfo();
      const reasons = messages
        .map(({ lineNum, message }) => `line ${lineNum}: ${message.split("\n")[0]}`)
        .join("; ");
      throw new VitrineError(
        "internal/kernels",
        `kernel ${label} was refused: ${reasons || (cause instanceof Error ? cause.message : String(cause))}`,
        { cause },
      );
    }
  }
}
