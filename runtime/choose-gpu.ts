// Choose GPU: an executor on the highest tier of a GPU whose kernels compute what wasm computes.

import { VitrineError } from "./errors.js";
import type { Executor } from "./executors/executor.js";
import { createWasmExecutor } from "./executors/wasm/executor.js";
import { type AdapterChoice, findAdapter, listAdapters } from "./executors/webgpu/adapter.js";
import { createWebgpuExecutor, type WebgpuExecutorOptions } from "./executors/webgpu/executor.js";
import { automaticTiers, type GpuTier, tierSource } from "./executors/webgpu/tier.js";
import { describeAdapter, isSoftware } from "./host/gpu-adapter.js";
import type { Host } from "./host/host.js";
import { selfCheck } from "./self-check.js";

export interface GpuChoice extends WebgpuExecutorOptions {
  host: Host;
  /** `auto` or one of GPU_TIERS. */
  tier: string;
  /** The self-check covers the backward kernels too. */
  trains: boolean;
}

export interface ChosenGpu {
  executor: Executor;
  /** What stood against higher tiers, one line each. */
  refused: string[];
}

/** The executor, or what stands against it. */
async function checked(
  { host, trains, ...options }: GpuChoice,
  tier: GpuTier,
): Promise<Executor | { reason: Error }> {
  const executor = await createWebgpuExecutor(host, { ...options, tier });
  const trusted = await createWasmExecutor(host);
  try {
    await selfCheck(executor, trusted, trains);
    return executor;
  } catch (error) {
    await executor.dispose();
    return { reason: error instanceof Error ? error : new Error(String(error)) };
  } finally {
    await trusted.dispose();
  }
}

/**
 * The highest of `tiers` that passes its self-check. The lowest is taken unchecked where `checksLowest` is false. Throws
 * what stands against the lowest.
 */
async function highestThatPasses(
  choice: GpuChoice,
  tiers: readonly GpuTier[],
  checksLowest: boolean,
): Promise<ChosenGpu> {
  const refused: string[] = [];
  for (const tier of tiers) {
    const isLowest = tier === tiers.at(-1);
    if (isLowest && !checksLowest)
      return { executor: await createWebgpuExecutor(choice.host, { ...choice, tier }), refused };
    const outcome = await checked(choice, tier);
    if (!("reason" in outcome)) return { executor: outcome, refused };
    if (isLowest) throw outcome.reason;
    refused.push(`${tier}: ${outcome.reason.message}`);
  }
  throw new VitrineError("internal/webgpu", "a GPU without any tier");
}

/** A GPU that was asked for. A tier that was asked for is taken as it is; `auto` takes none but float32 unchecked. */
export async function chooseGpu(choice: GpuChoice): Promise<ChosenGpu> {
  const { host, tier } = choice;
  if (tier !== "auto") return { executor: await createWebgpuExecutor(host, choice), refused: [] };
  const adapter = await findAdapter(host, choice);
  const tiers = automaticTiers(tierSource(adapter), isSoftware(adapter.info));
  return highestThatPasses(choice, tiers, false);
}

/** A hardware GPU that nobody asked for, checked whatever its tier. Throws what stands against it. */
export async function findGpu(choice: GpuChoice): Promise<ChosenGpu> {
  const { host, tier } = choice;
  if (!host.mayHaveGpu()) throw new VitrineError("device/unavailable", "no GPU was found");
  const adapters = await listAdapters(host);
  if (!adapters.some(({ software }) => !software)) {
    const what = adapters.length > 0 ? `no GPU but ${adapters.map(describeAdapter).join(", ")}` : "no GPU";
    throw new VitrineError("device/unavailable", `${what} was found`);
  }
  const hardware: GpuChoice & AdapterChoice = { ...choice, hardwareOnly: true };
  const tiers =
    tier === "auto"
      ? automaticTiers(tierSource(await findAdapter(host, hardware)), false)
      : [tier as GpuTier];
  return highestThatPasses(hardware, tiers, true);
}
