// Peak thread: one of the workers that measure at the same time what a core of this browser can compute.

import { measurePeak } from "../kernels/peak.js";

/** GFLOP/s of 128-bit float32, fused where the engine has relaxed SIMD. */
globalThis.postMessage(measurePeak(true) ?? measurePeak(false));
