// WebGPU tiers: what each computes agrees with the wasm executor, within the tier's tolerances.

import { test } from "uvu";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";
import { nodeHost } from "../../runtime/host/node.js";
import { claimsAgainstWasm, type Tolerances } from "./executor-claims.js";
import { webgpuOrSkip } from "./webgpu-device.js";

/**
 * Float32 has a file of its own. Float16 keeps 11 bits: four roundings of a value are 2e-3; a few steps of AdamW, which divides
 * by the gradients' roots, make of them what `state` says.
 */
const TOLERANCES: Partial<Record<GpuTier, Tolerances>> = {
  subgroups: { values: 3e-6, state: 1e-4 },
  float16: { values: 2e-3, state: 2e-2 },
};

const wasm = await createWasmExecutor(nodeHost());
let registered = false;
for (const [tier, tolerances] of Object.entries(TOLERANCES)) {
  const found = await webgpuOrSkip(nodeHost(), tier as GpuTier);
  if (!found) continue;
  registered = true;
  claimsAgainstWasm(found, wasm, tolerances);
  test.after(() => found.dispose());
}
if (registered) test.run();
