// Training: how long a step of several ranks takes, from what each part takes by itself. A formula, no events: every rank
// computes its pieces, then the gradient goes along the chain of ranks twice, then every rank applies the sum.

/** Times in seconds, sizes in bytes, rates in bytes a second. */
export interface RankedStep {
  /** Divides `pieces`. */
  ranks: number;
  /** Pieces of the global batch. */
  pieces: number;
  /** Forward and backward of a piece on one rank. */
  pieceSeconds: number;
  /** Optimizer and average, on every rank. */
  applySeconds: number;
  /** Of the gradient on the wire. */
  gradientBytes: number;
  /** Of a frame: a rank sends one on as soon as it has added its own terms. */
  frameBytes: number;
  /** One way. */
  latency: number;
  /** Of each machine's link, in each direction. */
  rate: number;
  /** Steps between two exchanges; 1: every step is exchanged. */
  syncEvery: number;
}

export interface StepPrediction {
  ranks: number;
  compute: number;
  /** Of a step on average. */
  exchange: number;
  apply: number;
  /** Of all three. */
  step: number;
  /** How many times as fast as one rank that computes all pieces. */
  speedup: number;
  /** `speedup` / `ranks`. */
  efficiency: number;
  /** That the busiest link carries in a step, on average. */
  linkBytes: number;
}

/** How many times the busiest link carries the gradient: with two ranks, one link has each pass to itself. */
const passesOfLink = (ranks: number): number => (ranks === 1 ? 0 : ranks === 2 ? 1 : 2);

/**
 * Seconds of an all-reduce along the chain. A hop takes the latency and the time to send a frame. Either the frames follow
 * each other through both rounds without a wait, or the busiest link, which carries both passes, is always busy, and the last
 * total goes on from there to the rank before the last. How a link alternates between the passes may cost as many hops as there
 * are ranks on top.
 */
export function allReduceSeconds({ ranks, gradientBytes, frameBytes, latency, rate }: RankedStep): number {
  if (ranks === 1) return 0;
  const frame = Math.min(frameBytes, gradientBytes);
  const hop = latency + frame / rate;
  const unhindered = 2 * (ranks - 1) * hop + (gradientBytes - frame) / rate;
  const busy = (passesOfLink(ranks) * gradientBytes) / rate + latency + (ranks - 3) * hop;
  return Math.max(unhindered, busy);
}

export function predictStep(step: RankedStep): StepPrediction {
  const { ranks, pieces, pieceSeconds, applySeconds, gradientBytes, syncEvery } = step;
  const compute = (pieces / ranks) * pieceSeconds;
  const exchange = allReduceSeconds(step) / syncEvery;
  const seconds = compute + exchange + applySeconds;
  const alone = pieces * pieceSeconds + applySeconds;
  const speedup = seconds === 0 ? 1 : alone / seconds;
  return {
    ranks,
    compute,
    exchange,
    apply: applySeconds,
    step: seconds,
    speedup,
    efficiency: speedup / ranks,
    linkBytes: (passesOfLink(ranks) * gradientBytes) / syncEvery,
  };
}

/** Predictions for every number of ranks up to `most` that divides the pieces. */
export function predictRanks(step: Omit<RankedStep, "ranks">, most: number): StepPrediction[] {
  const worlds = Array.from({ length: Math.min(most, step.pieces) }, (_, i) => i + 1);
  return worlds.filter((ranks) => step.pieces % ranks === 0).map((ranks) => predictStep({ ...step, ranks }));
}
