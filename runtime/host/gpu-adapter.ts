// GPU adapter: what is known about a GPU before a device is opened on it, and its description in messages.

import type { GpuAdapterInfo, GpuNativeAdapter } from "./environment-types.js";

/** A GPU with one of its drivers, as `listAdapters` returns it. */
export interface GpuAdapter {
  /** Index in the list: `--device webgpu:INDEX`. */
  readonly index: number;
  /** Its name, part of which selects it: `--device webgpu:NAME`. In a browser the power preference. */
  readonly name: string;
  /** `vulkan`, `metal`, `d3d12` …; `browser` in a browser, which does not report it. */
  readonly backend: string;
  /** Whether the driver computes on the CPU: `auto` never chooses such an adapter. */
  readonly software: boolean;
  /** The driver's own description. */
  readonly driver: string;
  /** Features that a device can request, sorted. */
  readonly features: readonly string[];
  /** Sizes of the products that its matrix units compute, where Dawn reports them. */
  readonly subgroupMatrices: readonly SubgroupMatrix[];
  /** Invocations in the largest subgroup. */
  readonly largestSubgroup: number;
  /** Largest buffer in bytes. */
  readonly maxBufferSize: number;
  /** Largest part of a buffer that a kernel can bind, in bytes. */
  readonly maxStorageBufferBindingSize: number;
}

/** An entry of Dawn's `subgroupMatrixConfigs`: a product [M, K]·[K, N] that the GPU's matrix units compute. */
export interface SubgroupMatrix {
  /** Type of both factors, in WebGPU's names: `f16`, `f32`, … */
  readonly componentType: string;
  /** Type of the product. */
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i;

export function isSoftware(info: GpuAdapterInfo): boolean {
  const named = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || SOFTWARE.test(named);
}

export function driverName(info: GpuAdapterInfo): string {
  const { description, vendor, architecture, device } = info;
  const parts = [vendor, architecture, device].filter((part) => part !== "");
  return description || parts.join(" ") || "a GPU without a name";
}

/** Not in any WebGPU specification yet; empty where they are not offered. */
export function subgroupMatricesOf(info: GpuAdapterInfo): SubgroupMatrix[] {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrix> };
  return [...subgroupMatrixConfigs].map(({ componentType, resultComponentType, M, N, K }) => {
    return { componentType, resultComponentType, M, N, K };
  });
}

/** WebGPU's value for an adapter that does not report it. */
const LARGEST_SUBGROUP = 128;

/** Older engines do not have this property. */
export function largestSubgroupOf(info: GpuAdapterInfo): number {
  const { subgroupMaxSize } = info as Partial<GpuAdapterInfo>;
  return subgroupMaxSize ?? LARGEST_SUBGROUP;
}

type Place = Pick<GpuAdapter, "index" | "name" | "backend">;

export function gpuAdapter(place: Place, adapter: GpuNativeAdapter): GpuAdapter {
  const { info, features, limits } = adapter;
  const { maxBufferSize, maxStorageBufferBindingSize } = limits;
  return {
    ...place,
    software: isSoftware(info),
    driver: driverName(info),
    features: [...features].map(String).sort(),
    subgroupMatrices: subgroupMatricesOf(info),
    largestSubgroup: largestSubgroupOf(info),
    maxBufferSize,
    maxStorageBufferBindingSize,
  };
}

/** One line about an adapter: `0: NVIDIA L4 (vulkan)`, `1: llvmpipe (LLVM 15.0.6, 256 bits) (vulkan, software)`. */
export function describeAdapter({ index, name, backend, software }: GpuAdapter): string {
  return `${index}: ${name} (${backend}${software ? ", software" : ""})`;
}
