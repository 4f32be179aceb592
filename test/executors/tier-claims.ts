// Tier claims: the executor claims for a tier of the available GPU, within the tier's tolerances.

import { test } from "uvu";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";
import type { Host } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { claimsAgainstWasm } from "./executor-claims.js";
import { tierTolerances } from "./tier-tolerances.js";
import { webgpuOrSkip } from "./webgpu-device.js";

/** Registers and runs the tests, or prints why there are none. A tier takes a driver a minute, so each has a file. */
export async function claimsOfTier(tier: GpuTier, host: Host = nodeHost()): Promise<void> {
  const found = await webgpuOrSkip(host, tier);
  if (!found) return;
  claimsAgainstWasm(found, await createWasmExecutor(nodeHost()), tierTolerances(tier).claims);
  test.after(() => found.dispose());
  test.run();
}
