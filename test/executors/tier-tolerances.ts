// Tier tolerances: how far from float32 the results of a GPU's tier may be; for parity, conformance, tests and benches.

import { GPU_TIERS, type GpuTier } from "../../runtime/executors/webgpu/tier.js";

/** Compared with wasm, as fractions of a tensor's largest value. */
export interface ClaimTolerances {
  /** Outputs, losses and norms. */
  values: number;
  /** Gradients, weights, moments and averages after three steps. */
  state: number;
}

export interface TierTolerances {
  /** Of executor-claims.ts. */
  claims: ClaimTolerances;
  /** Parity: fraction of a tensor's largest value in addition to 8 times PyTorch's own float32 error. */
  rounding: number;
  /**
   * Parity: fraction of the root mean square, where single values may jump: AdamW steps by the sign of a gradient, even
   * of one smaller than its rounding error, and a ReLU passes a gradient or does not. 0: no value jumps, and each is
   * compared.
   */
  jumps: number;
  /** Conformance: how far a logit may be from wasm's, which is the margin that decides too. */
  logits: number;
  /** Bench: fraction of the largest of 1 and our logits, or of the losses of three steps, on tier float32. */
  bench: number;
}

/** Float32 sums in another order. */
const FLOAT32: TierTolerances = {
  claims: { values: 3e-6, state: 1e-4 },
  rounding: 0,
  jumps: 0,
  logits: 1e-3,
  bench: 1e-3,
};

/** Half the spacing of float16 numbers, relative to their size. */
const FLOAT16_ROUNDING = 2 ** -11;

/**
 * Roundings between the pixels and a gradient of the micro model: 4 products in each of 3 blocks and 2 outside, forward
 * and backward, each with rounded factors and a rounded result. The errors are independent, so their sum grows with the
 * square root.
 */
const ROUNDINGS = 2 * 2 * (4 * 3 + 2);

/**
 * Largest found on llvmpipe, activations stored in float16: rounding 2.0e-3 (a gradient; 8e-4 of logits), jumps 0.20 (a
 * gradient of RegNetY; 0.06 of AdamW). Claims: four roundings of a value, and their effect after a few steps of AdamW,
 * which divides by the gradients' roots.
 */
const FLOAT16: TierTolerances = {
  claims: { values: 2e-3, state: 2e-2 },
  rounding: FLOAT16_ROUNDING * Math.sqrt(ROUNDINGS),
  jumps: 0.35,
  // DeiT-Tiny has 50 products and logits up to 15: 2⁻¹¹·√50·15. Found on 200 photographs: 0.026.
  logits: 0.05,
  // The same fraction, for the bench's random weights. Found: 1.0e-3 of logits, 1.4e-4 of three losses.
  bench: FLOAT16_ROUNDING * Math.sqrt(50),
};

const TIER_TOLERANCES: Readonly<Record<GpuTier, TierTolerances>> = {
  float32: FLOAT32,
  subgroups: FLOAT32,
  float16: FLOAT16,
  // The same arithmetic in other units: factors in float16, sums in float32.
  matrices: FLOAT16,
};

/** A device without tiers has float32's. */
export function tierTolerances(tier: string | undefined): TierTolerances {
  return TIER_TOLERANCES[GPU_TIERS.find((name) => name === tier) ?? "float32"];
}
