// Predictions: what a run's model answers on its validation data, its most confident mistakes, and where it looked.

import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createAttention } from "../../runtime/inference/attention.js";
import { softmax } from "../../runtime/inference/logits.js";
import type { StoredModel } from "../../runtime/model-files/stored-model.js";
import { matchClasses } from "../../runtime/models/labels.js";
import { ClassScores } from "../../trainer/class-scores.js";
import { type Answering, evaluateModel } from "../validate/evaluate-model.js";
import { type Mistake, MistakeList } from "./mistake-list.js";
import type { Predictions } from "./reported-run.js";

async function addAttention(
  executor: Executor,
  stored: StoredModel,
  mistakes: readonly Mistake[],
): Promise<void> {
  if (mistakes.length === 0) return;
  const program = await createAttention(executor, stored.config, stored.weights);
  if (!program) return;
  try {
    for (const mistake of mistakes) mistake.attention = await program.rollout(mistake.pixels);
  } finally {
    program.dispose();
  }
}

export interface PredictionOptions {
  executor: Executor;
  /** The same model as read and as loaded. */
  stored: StoredModel;
  model: Answering;
  source: EvaluationSource;
  /** Files that the source has left out so far. */
  skipped: () => number;
  /** Mistakes to keep. */
  mostMistakes: number;
  onProgress?: (images: number, correct: number) => void;
}

/** Throws `data/labels`, and what the source and the model throw. */
export async function predict(options: PredictionOptions): Promise<Predictions> {
  const { executor, stored, model, source, mostMistakes, onProgress } = options;
  const { classes, samples } = source.description;
  const { labels } = stored;
  const { indices: classMap } = matchClasses(classes, labels);
  const scores = new ClassScores(classMap);
  const mistakes = new MistakeList(mostMistakes);
  const size = model.config.imageSize;
  const imageBytes = size * size * 3;
  await evaluateModel(model, source, { withPixels: true }, ({ labels: own, names, logits, pixels }) => {
    const width = logits.logits.length / own.length;
    own.forEach((ownClass, place) => {
      const row = logits.logits.subarray(place * width, (place + 1) * width);
      const judgment = scores.add(row, ownClass);
      if (judgment === null || judgment.isTop1 || judgment.answer < 0) return;
      const probabilities = softmax(row);
      const label = classMap[ownClass];
      mistakes.add({
        file: names[place],
        label,
        answer: judgment.answer,
        confidence: probabilities[judgment.answer],
        labelProbability: probabilities[label] ?? 0,
        pixels: pixels.subarray(place * imageBytes, (place + 1) * imageBytes),
      });
    });
    onProgress?.(scores.total.images, scores.total.top1);
  });
  await addAttention(executor, stored, mistakes.kept);
  const skipped = options.skipped();
  return { scores, samples, skipped, classes, labels, classMap, size, mistakes: mistakes.kept };
}
