// Adapter: opens a device on the adapter that a device string names, with the features of a tier.

import { type AdapterChoice, findAdapter } from "../../host/adapters.js";
import { driverName, isSoftware } from "../../host/gpu-adapter.js";
import type { Host } from "../../host/host.js";
import { Device } from "./device.js";
import { type Tier, tierNamed } from "./tier.js";

export interface DeviceChoice extends AdapterChoice {
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

/** Throws what `findAdapter` throws, and `device/tier` where the adapter does not offer the tier. */
export async function openAdapter(host: Host, choice: DeviceChoice = {}): Promise<OpenAdapter> {
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

/** Requests the limits that decide how large a model and a batch may be; the others keep their defaults. */
function largestLimits({ limits }: GPUAdapter): Record<string, number> {
  const { maxBufferSize, maxStorageBufferBindingSize } = limits;
  return { maxBufferSize, maxStorageBufferBindingSize };
}
