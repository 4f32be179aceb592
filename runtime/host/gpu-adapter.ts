// GPU adapter: what is known of a GPU before a device is made of it, and how it is told to people.

/** A way to a GPU, as `listAdapters` gives it. */
export interface GpuAdapter {
  /** Place in the list: `--device webgpu:INDEX`. */
  readonly index: number;
  /** Its name in the list, part of which chooses it: `--device webgpu:NAME`. In a browser the power preference. */
  readonly name: string;
  /** `vulkan`, `metal`, `d3d12` …; `browser` where a browser does not tell. */
  readonly backend: string;
  /** A driver that computes on the processor: `auto` never takes it. */
  readonly software: boolean;
  /** The driver in its own words. */
  readonly driver: string;
  /** Features that a device of it may be asked for, sorted. */
  readonly features: readonly string[];
  /** Sizes of the products that its matrix units make, where Dawn tells them. */
  readonly subgroupMatrices: readonly SubgroupMatrix[];
  /** Invocations that a subgroup has at most. */
  readonly largestSubgroup: number;
  /** Bytes that one buffer holds at most. */
  readonly maxBufferSize: number;
  /** Bytes of a buffer that a kernel sees at most. */
  readonly maxStorageBufferBindingSize: number;
}

/** As Dawn's `subgroupMatrixConfigs`: [M,K]·[K,N]. */
export interface SubgroupMatrix {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i;

export function isSoftware(info: GPUAdapterInfo): boolean {
  const named = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || SOFTWARE.test(named);
}

export function driverName({ description, vendor, architecture, device }: GPUAdapterInfo): string {
  const parts = [vendor, architecture, device].filter((part) => part !== "");
  return description || parts.join(" ") || "a GPU that does not tell its name";
}

/** In no WebGPU specification; empty where they are not offered. */
export function subgroupMatricesOf(info: GPUAdapterInfo): SubgroupMatrix[] {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrix> };
  return [...subgroupMatrixConfigs].map(({ componentType, resultComponentType, M, N, K }) => {
    return { componentType, resultComponentType, M, N, K };
  });
}

/** What WebGPU says of an adapter that does not tell. */
const LARGEST_SUBGROUP = 128;

/** Older engines have no such property. */
export function largestSubgroupOf(info: GPUAdapterInfo): number {
  const { subgroupMaxSize } = info as Partial<GPUAdapterInfo>;
  return subgroupMaxSize ?? LARGEST_SUBGROUP;
}

type Place = Pick<GpuAdapter, "index" | "name" | "backend">;

export function gpuAdapter(place: Place, adapter: GPUAdapter): GpuAdapter {
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

/** `0: NVIDIA L4 (vulkan)`, `1: llvmpipe (LLVM 15.0.6, 256 bits) (vulkan, software)`. */
export function describeAdapter({ index, name, backend, software }: GpuAdapter): string {
  return `${index}: ${name} (${backend}${software ? ", software" : ""})`;
}
