// Parity case: a comparison with a fixture of the reference implementation, and the context that it runs in.

import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import type { TierTolerances } from "../executors/tier-tolerances.js";

/** A tensor of a fixture file, in its stored type. */
export interface FixtureTensor {
  dtype: string;
  shape: number[];
  data: Float32Array | Float64Array | Int8Array | Uint8Array | Int32Array | BigInt64Array | Uint16Array;
}

export interface ParityContext {
  /** Folder laid out like reference/micro. */
  folder: string;
  device: string;
  /** Tier of the GPU that computes; undefined where the device has none. */
  tier: GpuTier | undefined;
  has(file: string): boolean;
  /** Parsed JSON file. */
  json<T = unknown>(file: string): T;
  /** Every tensor of a safetensors file. */
  tensors(file: string): Map<string, FixtureTensor>;
  /** The float32 tensors of a file, as the runtime's functions take them. */
  floats(file: string): TensorMap;
  /** RGB pixels [height, width, 3] of a PNG file. */
  png(file: string): { width: number; height: number; data: Uint8Array };
  /**
   * multiple (1…8) × PyTorch's own float32 error for that tensor (f32_error.json) + 1e-7 × the tensor's range.
   * Throws where f32_error.json does not name the tensor.
   */
  tolerance(file: string, tensor: string, multiple: number): number;
  /** The same for results of the device, with the fraction that its tier adds for rounding. */
  deviceTolerance(file: string, tensor: string, multiple: number): number;
  /** Tolerances of the device's tier. */
  tierTolerances: TierTolerances;
}

export interface ParityOutcome {
  name: string;
  ok: boolean;
  /** Largest difference of a value, or the root mean square of all if the name says so. */
  maxAbsError: number;
  tolerance: number;
  /** Why the case was not run; `ok` is then meaningless. */
  skipped?: string;
}

/** Yields an outcome per case. A file that the folder lacks is not a case; one that is not supported yet is skipped. */
export type CaseGroup = (context: ParityContext) => AsyncIterable<ParityOutcome>;
