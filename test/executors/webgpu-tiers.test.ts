// WebGPU tier subgroups: what it computes agrees with the wasm executor, within the tolerances of float32.

import { claimsOfTier } from "./tier-claims.js";

await claimsOfTier("subgroups");
