// Adapters: lists the GPUs of a host, and finds the one that a device string names.

import { VitrineError } from "../errors.js";
import type { GpuNativeAdapter } from "./environment-types.js";
import { describeAdapter, driverName, type GpuAdapter, gpuAdapter, isSoftware } from "./gpu-adapter.js";
import type { Host } from "./host.js";

export interface AdapterChoice {
  /** In Node part of the adapter's name, or its index in the list; in a browser `low-power` or `high-performance`. */
  adapter?: string;
  /** Rejects a software adapter, which computes on the CPU. Default false. */
  hardwareOnly?: boolean;
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

/**
 * WebGPU's adapter. Throws `device/unavailable` where there is no such adapter; the message lists the existing ones.
 */
export async function findAdapter(host: Host, choice: AdapterChoice = {}): Promise<GpuNativeAdapter> {
  const adapter = await requestAdapter(host, choice.adapter);
  if (!adapter)
    throw new VitrineError(
      "device/unavailable",
      `device webgpu: no adapter was found; a GPU with a Vulkan, Metal or Direct3D 12 driver is needed${flag(host, "; use --device wasm")}`,
    );
  if (choice.hardwareOnly && isSoftware(adapter.info))
    throw new VitrineError(
      "device/unavailable",
      `device webgpu: ${driverName(adapter.info)} computes on the CPU${flag(host, " (--device webgpu accepts it)")}`,
    );
  return adapter;
}

/** Advice that names a flag, which a page does not have. */
const flag = (host: Host, advice: string) => (host.name === "node" ? advice : "");

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
