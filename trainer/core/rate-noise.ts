// Rate noise: the learning rate of some epochs is changed at random, as by timm's Scheduler with lr_noise. The draws are
// those of the run's seed, not torch's.

import { Domain, type DrawMath, drawStream } from "../../runtime/draw/random.js";

export interface NoiseSettings {
  /** First and last epoch with noise, as fractions of the run; the last one is excluded. Null: no noise. */
  lrNoise: [number, number] | null;
  /** Bound of the relative change, exclusive. */
  lrNoisePct: number;
  /** Standard deviation before the bound. */
  lrNoiseStd: number;
  seed: number;
}

/** Noise between two times of a curve, in epochs. */
export interface RateNoise {
  from: number;
  to: number;
  limit: number;
  /** The relative change at t epochs, below `limit` in either direction. */
  at(t: number): number;
}

/**
 * Normal noise, drawn again until it is within the bound: timm's Scheduler._add_noise (which leaves its noise_std
 * unused). `length`: epochs of the curve.
 */
export function rateNoise(
  { lrNoise, lrNoisePct: limit, lrNoiseStd: deviation, seed }: NoiseSettings,
  length: number,
  math: DrawMath,
): RateNoise | undefined {
  if (lrNoise === null) return undefined;
  const at = (t: number): number => {
    const chance = drawStream(math, { seed, epoch: t, index: 0, repeat: 0 }, Domain.RateNoise);
    let noise = chance.gaussian(0, deviation);
    while (!(Math.abs(noise) < limit)) noise = chance.gaussian(0, deviation);
    return noise;
  };
  return { from: lrNoise[0] * length, to: lrNoise[1] * length, limit, at };
}
