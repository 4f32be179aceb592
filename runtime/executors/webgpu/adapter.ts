// Adapter: lists the GPUs of a host, and opens the one that a device string names.

import { VitrineError } from "../../errors.js";
import {
  describeAdapter,
  driverName,
  type GpuAdapter,
  gpuAdapter,
  isSoftware,
} from "../../host/gpu-adapter.js";
import type { Host } from "../../host/host.js";
import { Device } from "./device.js";
import { type Tier, tierNamed } from "./tier.js";

export interface AdapterChoice {
  /** In Node part of the adapter's name, or its index in the list; in a browser `low-power` or `high-performance`. */
  adapter?: string;
  /** Rejects a software adapter, which computes on the CPU. Default false. */
  hardwareOnly?: boolean;
  /** One of GPU_TIERS. Default `float32`. */
  tier?: string;
  /** Features to request in addition to the tier's, where the adapter offers them. */
  features?: readonly string[];
}

export interface OpenAdapter {
  device: Device;
  /** The driver's name, for messages. */
  name: string;
  software: boolean;
  tier: Tier;
}

const POWER = ["high-performance", "low-power"] as const;

/** The adapters that `--device webgpu:ADAPTER` can name. Throws `device/unavailable` where the host has no WebGPU. */
export async function listAdapters(host: Host): Promise<readonly GpuAdapter[]> {
  if (host.gpuAdapters) return host.gpuAdapters();
  const gpu = await host.gpu();
  const found: GpuAdapter[] = [];
  for (const name of POWER) {
    const adapter = await gpu.requestAdapter({ powerPreference: name });
    if (adapter) found.push(gpuAdapter({ index: found.length, name, backend: "browser" }, adapter));
  }
  return found;
}

/** Throws `device/unavailable` where there is no such adapter; the message lists the existing ones. */
export async function findAdapter(host: Host, choice: AdapterChoice = {}): Promise<GPUAdapter> {
  const adapter = await requestAdapter(host, choice.adapter);
  if (!adapter)
    throw new VitrineError(
      "device/unavailable",
      "device webgpu: no adapter was found; a GPU with a Vulkan, Metal or Direct3D 12 driver is needed; use --device wasm",
    );
  if (choice.hardwareOnly && isSoftware(adapter.info))
    throw new VitrineError(
      "device/unavailable",
      `device webgpu: ${driverName(adapter.info)} computes on the CPU (--device webgpu accepts it)`,
    );
  return adapter;
}

/** Throws what `findAdapter` throws, and `device/tier` where the adapter does not offer the tier. */
export async function openAdapter(host: Host, choice: AdapterChoice = {}): Promise<OpenAdapter> {
  const adapter = await findAdapter(host, choice);
  const tier = tierNamed(choice.tier ?? "float32", adapter);
  const further = (choice.features ?? []).filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({
    label: "vitrine",
    requiredLimits: largestLimits(adapter),
    requiredFeatures: [...tier.features, ...further] as GPUFeatureName[],
  });
  const [software, name] = [isSoftware(adapter.info), driverName(adapter.info)];
  return { device: new Device(device, name), name, software, tier };
}

async function requestAdapter(host: Host, asked: string | undefined): Promise<GPUAdapter | null> {
  if (asked === undefined) return (await host.gpu()).requestAdapter({ powerPreference: POWER[0] });
  const adapters = await listAdapters(host);
  const chosen =
    adapters.find(({ index }) => String(index) === asked) ??
    adapters.find(({ name }) => name.toLowerCase().includes(asked.toLowerCase()));
  if (!chosen) throw noSuchAdapter(asked, adapters);
  const powerPreference = POWER.find((name) => name === chosen.name);
  const gpu = await host.gpu(host.gpuAdapters ? chosen : undefined);
  return gpu.requestAdapter(powerPreference ? { powerPreference } : {});
}

function noSuchAdapter(adapter: string, adapters: readonly GpuAdapter[]): VitrineError {
  const list = adapters.map(describeAdapter).join("; ") || "none";
  return new VitrineError(
    "device/unavailable",
    `device webgpu: no adapter "${adapter}"; available: ${list} (--device webgpu:NAME or webgpu:INDEX)`,
    { details: { adapter } },
  );
}

/** Requests the limits that decide how large a model and a batch may be; the others keep their defaults. */
function largestLimits({ limits }: GPUAdapter): Record<string, number> {
  const { maxBufferSize, maxStorageBufferBindingSize } = limits;
  return { maxBufferSize, maxStorageBufferBindingSize };
}
