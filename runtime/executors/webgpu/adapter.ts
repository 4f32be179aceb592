// Adapter: finds the GPU that a device string asks for, and says in words what it is.

import { VitrineError } from "../../errors.js";
import type { Host } from "../../host/host.js";
import { Device } from "./device.js";

export interface AdapterChoice {
  /** In Node part of the adapter's name; in a browser `low-power` or `high-performance`. */
  adapter?: string;
}

export interface OpenAdapter {
  device: Device;
  /** Name for people. */
  name: string;
  software: boolean;
}

const POWER: readonly string[] = ["low-power", "high-performance"];

/** Throws `device/unavailable` where there is no such adapter. */
export async function openAdapter(host: Host, choice: AdapterChoice = {}): Promise<OpenAdapter> {
  const gpu = await host.gpu(choice.adapter);
  const power = POWER.find((preference) => preference === choice.adapter) as GPUPowerPreference | undefined;
  if (host.name === "browser" && choice.adapter !== undefined && !power)
    throw new VitrineError(
      "device/unavailable",
      `device webgpu:${choice.adapter}: a browser chooses among ${POWER.join(" and ")} only (--device)`,
    );
  const adapter = await gpu.requestAdapter({ powerPreference: power ?? "high-performance" });
  if (!adapter) {
    const which = choice.adapter === undefined ? "no adapter" : `no adapter "${choice.adapter}"`;
    throw new VitrineError(
      "device/unavailable",
      `device webgpu: ${which} was found; it needs a GPU with a Vulkan, Metal or Direct3D 12 driver; use --device wasm`,
      { details: { adapter: choice.adapter } },
    );
  }
  const software = isSoftware(adapter.info);
  const name = adapterName(adapter.info);
  const device = await adapter.requestDevice({ label: "vitrine", requiredLimits: largestLimits(adapter) });
  return { device: new Device(device, name), name, software };
}

/** Limits that decide how large a model and a batch may be; the rest stays at what every device has. */
function largestLimits({ limits }: GPUAdapter): Record<string, number> {
  const { maxBufferSize, maxStorageBufferBindingSize } = limits;
  return { maxBufferSize, maxStorageBufferBindingSize };
}

function isSoftware(info: GPUAdapterInfo): boolean {
  const named = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|basic render/i.test(named);
}

function adapterName({ description, vendor, architecture, device }: GPUAdapterInfo): string {
  const parts = [vendor, architecture, device].filter((part) => part !== "");
  return description || parts.join(" ") || "a GPU that does not tell its name";
}
