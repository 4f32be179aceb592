// Classification: a model's answer about one picture → what the classifier returns.

import { VitrineError } from "../../runtime/errors.js";
import type { Answer } from "../../runtime/inference/answer.js";
import { classScores } from "../../runtime/inference/logits.js";
import type { CheckedOptions } from "./classify-options.js";
import type { Attention, Classification, HeadAnswer, ModelCard } from "./contract.js";

/** A copy in a buffer of its own. */
const own = (values: ArrayLike<number>): Float32Array<ArrayBuffer> => Float32Array.from(values);

const TOKENS = ["class", "distillation"] as const;

function attentionOf({ attention }: Answer): Attention {
  if (!attention) throw new VitrineError("internal/unexpected", "the answer lacks the attention maps");
  const { grid, values, rows } = attention;
  const { depth = 0, heads = 0, tokens = 0, values: maps = new Float32Array() } = rows ?? {};
  return { grid, rollout: own(values), tokens: TOKENS.slice(0, tokens), depth, heads, maps: own(maps) };
}

/** The parts of a classification that come from the answer. */
export function classificationOf(
  answer: Answer,
  { labels }: ModelCard,
  { topK, heads, attention }: CheckedOptions,
): Pick<Classification, "classes" | "logits" | "heads" | "attention" | "embedding"> {
  const named = (logits: Float32Array): HeadAnswer => ({
    classes: classScores(logits, labels, topK),
    logits: own(logits),
  });
  const { logits, classLogits, distillationLogits, embeddings } = answer;
  return {
    ...named(logits),
    ...(heads && {
      heads: {
        class: named(classLogits),
        ...(distillationLogits && { distillation: named(distillationLogits) }),
      },
    }),
    ...(attention && { attention: attentionOf(answer) }),
    ...(embeddings && { embedding: own(embeddings) }),
  };
}
