// Batch: which images run together.

import type { ExtraResults } from "../../../runtime/inference/answer.js";

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
