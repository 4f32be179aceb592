// Attention rollout: the attention of all blocks as one map of a picture (Abnar and Zuidema, arXiv 2005.00928).

/** A map [grid, grid] of a picture's patches, row-major. */
export interface AttentionMap {
  grid: number;
  /** What each patch contributed to the tokens that the heads read; the sum over all tokens is 1. */
  values: Float32Array;
}

/** What the tokens before a picture's patches attend to, in every head of every block. */
export interface TokenAttention {
  depth: number;
  heads: number;
  /** Tokens before the patches: the class token, and the distillation token; 0 where the model has none. */
  tokens: number;
  /** Probabilities, float32 [depth, heads, tokens, grid, grid]; a row sums to 1 with what goes to the tokens themselves. */
  values: Float32Array;
}

/** The rows of the first tokens in `blocks`, attention [heads, tokens, tokens] of each block, at the `patches` last tokens. */
export function tokenAttention(
  blocks: readonly Float32Array[],
  all: number,
  patches: number,
): TokenAttention {
  const tokens = all - patches;
  const heads = (blocks[0]?.length ?? 0) / (all * all);
  const values = new Float32Array(blocks.length * heads * tokens * patches);
  let place = 0;
  for (const block of blocks)
    for (let head = 0; head < heads; head++)
      for (let token = 0; token < tokens; token++, place += patches) {
        const row = (head * all + token) * all;
        values.set(block.subarray(row + tokens, row + all), place);
      }
  return { depth: blocks.length, heads, tokens, values };
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
