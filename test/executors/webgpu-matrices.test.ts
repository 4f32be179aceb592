// WebGPU tier matrices: what it computes agrees with the wasm executor, within the tolerances of float16. No software driver
// offers it.

import { claimsOfTier } from "./tier-claims.js";

await claimsOfTier("matrices");
