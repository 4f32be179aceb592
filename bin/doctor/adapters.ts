// Adapters: the GPUs that `--device webgpu` can take, software ones included, or how to get to one.

import { isVitrineError } from "../../runtime/errors.js";
import { listAdapters } from "../../runtime/executors/webgpu/adapter.js";
import { automaticTiers, type GpuTier, offeredTiers } from "../../runtime/executors/webgpu/tier.js";
import type { GpuAdapter } from "../../runtime/host/gpu-adapter.js";
import type { Host } from "../../runtime/host/host.js";

export interface FoundAdapter extends GpuAdapter {
  /** Lowest first. */
  tiers: GpuTier[];
  /** The one that `--gpu-tier auto` tries first. */
  automaticTier: GpuTier;
}

export interface AdapterFacts {
  list: readonly FoundAdapter[];
  /** Why there is none. */
  reason: string | null;
}

const NONE = "no driver offers an adapter: it takes a GPU with a Vulkan, Metal or Direct3D 12 driver";

function withTiers(adapter: GpuAdapter): FoundAdapter {
  const tiers = offeredTiers(adapter).map(({ name }) => name);
  return { ...adapter, tiers, automaticTier: automaticTiers(adapter, adapter.software)[0] ?? "float32" };
}

export async function adapterFacts(host: Host): Promise<AdapterFacts> {
  try {
    const list = (await listAdapters(host)).map(withTiers);
    return { list, reason: list.length > 0 ? null : NONE };
  } catch (error) {
    if (!isVitrineError(error)) throw error;
    return { list: [], reason: error.message };
  }
}
