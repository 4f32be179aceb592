// Attention rollout: the attention of all blocks as one map of a picture (Abnar and Zuidema, arXiv 2005.00928).

/** A map [grid, grid] of a picture's patches, row-major. */
export interface AttentionMap {
  grid: number;
  /** What each patch contributed to the tokens that the heads read; the sum over all tokens is 1. */
  values: Float32Array;
}

/**
 * Attention rollout: start · ½(A_L + I) · … · ½(A_1 + I), where A is a block's attention averaged over its heads, and
 * the identity stands for the residual connection. `blocks`: attention [heads, tokens, tokens] of each block, first to
 * last, rows sum to 1; `start`: weights of the tokens that the answer reads, [tokens]. Returns weights of the input
 * tokens, [tokens], with start's sum.
 */
export function attentionRollout(blocks: readonly Float32Array[], start: Float64Array): Float64Array {
  const tokens = start.length;
  let row = start;
  for (const block of [...blocks].reverse()) {
    const heads = block.length / (tokens * tokens);
    const before = row.map((value) => value / 2);
    for (let head = 0; head < heads; head++)
      for (let from = 0; from < tokens; from++) {
        const weight = row[from] / (2 * heads);
        const offset = (head * tokens + from) * tokens;
        for (let to = 0; to < tokens; to++) before[to] += weight * block[offset + to];
      }
    row = before;
  }
  return row;
}
