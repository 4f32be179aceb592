// Chance: numbers that a seed repeats, for moments and victims of faults.

export interface Chance {
  /** 0 … below − 1. */
  below(count: number): number;
  /** `count` different whole numbers from `first` to `last`, ascending. */
  moments(count: number, first: number, last: number): number[];
}

/** xorshift32. */
export function createChance(seed: number): Chance {
  let state = (seed * 2654435761) >>> 0 || 1;
  const below = (count: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % count;
  };
  return {
    below,
    moments(count, first, last) {
      const chosen = new Set<number>();
      while (chosen.size < Math.min(count, last - first + 1)) chosen.add(first + below(last - first + 1));
      return [...chosen].sort((a, b) => a - b);
    },
  };
}
