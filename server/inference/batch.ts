// Batch: what one run of a model computes, and what it gives.

import type { Logits } from "../../runtime/inference/logits.js";

/** uint8 [count, size, size, 3], RGB before normalization; or float32 [count, 3, size, size], normalized. */
export type BatchImages = Uint8Array | Float32Array;

/** What is computed besides the logits, only where it is asked for. */
export interface ExtraResults {
  /** The features that the head reads. */
  embeddings?: boolean;
  /** Attention rollout over the patches. */
  attention?: boolean;
}

/** Images of one kind run together. */
export interface BatchKind {
  input: "pixels" | "values";
  embeddings: boolean;
  attention: boolean;
}

export function kindKey({ input, embeddings, attention }: BatchKind): string {
  return `${input} ${embeddings} ${attention}`;
}

/** `kindKey` without a request. */
export function kindOf(input: BatchKind["input"], { embeddings, attention }: ExtraResults): BatchKind {
  return { input, embeddings: embeddings === true, attention: attention === true };
}

/** A model's answer about a batch; what was not asked for may be absent. */
export interface ModelAnswer extends Logits {
  /** float32 [count, width of the features]. */
  embeddings?: Float32Array;
  /** Per image the attention rollout, float32 [count, grid, grid]. */
  attention?: { grid: number; values: Float32Array };
}
