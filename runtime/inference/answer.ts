// Answer: what a model computes about images, the logits and what is asked for besides them.

import type { AttentionMap, TokenAttention } from "./attention-rollout.js";
import { joinLogits, type Logits } from "./logits.js";

/**
 * Images of a model's size: pixels, uint8 [count, size, size, 3], RGB before normalization; or normalized values,
 * float32 [count, 3, size, size], as PyTorch's models take them.
 */
export type ImageTensor = Uint8Array | Float32Array;

/** What is computed besides the logits, only where it is asked for. */
export interface ExtraResults {
  /**
   * The features that the head reads; of a model with two heads the mean of what they read, as timm's
   * `forward_head(pre_logits=True)` gives it.
   */
  embeddings?: boolean;
  /** Attention rollout over the patches, image by image. Not available from models without attention. */
  attention?: boolean;
}

/** The attention of several images, each an `AttentionMap`. */
export interface AttentionMaps {
  grid: number;
  /** float32 [count, grid, grid]. */
  values: Float32Array;
  /** The attention of every head, [count, depth, heads, tokens, grid, grid]; absent from answers of a server. */
  rows?: TokenAttention;
}

/** A model's answer about `count` images; what was not asked for is absent. */
export interface Answer extends Logits {
  /** float32 [count, width of the features]. */
  embeddings?: Float32Array;
  attention?: AttentionMaps;
}

function joinFloats(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The answers of consecutive runs, which asked for the same, as one. */
export function joinAnswers(parts: readonly Answer[]): Answer {
  const [first] = parts;
  if (parts.length === 1) return first;
  const answer: Answer = joinLogits(parts);
  if (first.embeddings) answer.embeddings = joinFloats(parts.map((part) => part.embeddings as Float32Array));
  return answer;
}

/** The maps of consecutive images. */
export function joinMaps(maps: readonly { map: AttentionMap; rows: TokenAttention }[]): AttentionMaps {
  const [{ map, rows }] = maps;
  return {
    grid: map.grid,
    values: joinFloats(maps.map((each) => each.map.values)),
    rows: { ...rows, values: joinFloats(maps.map((each) => each.rows.values)) },
  };
}
