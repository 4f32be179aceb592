// WebGPU executor: graphs, losses, gradients and optimizer steps agree with the wasm executor's.

import { claimsOfTier } from "./tier-claims.js";

await claimsOfTier("float32");
