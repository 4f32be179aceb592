// WebGPU tier matrices: what it computes agrees with the wasm executor, within the tolerances of float16. No software
// driver offers it: there the matrix units are modeled, and the rounding of a GPU's own units is not tested.

import { nodeHost } from "../../runtime/host/node.js";
import { SQUARE } from "./matrix-product-claims.js";
import { modeledUnits } from "./matrix-unit-models.js";
import { claimsOfTier } from "./tier-claims.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const own = await webgpuOrSkip(nodeHost(), "matrices");
await own?.dispose();
await claimsOfTier("matrices", own ? nodeHost() : modeledUnits(SQUARE).host);
