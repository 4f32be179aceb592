// WebGPU tier float16: what it computes agrees with the wasm executor, within the tolerances of its rounding.

import { claimsOfTier } from "./tier-claims.js";

await claimsOfTier("float16");
