// Logits: what a classifier answers, joined over runs, and as named probabilities, best first.

/** A classifier's logits for `count` images, float32, row-major. The arrays belong to the caller. */
export interface Logits {
  /** Class-head logits [count, classes]. */
  classLogits: Float32Array;
  /** Distillation-head logits [count, classes]; absent where a model has one head. */
  distillationLogits?: Float32Array;
  /** The model's answer [count, classes]: the class logits, or the mean of both heads' logits. */
  logits: Float32Array;
}

/** The logits of consecutive runs as one. */
export function joinLogits(parts: readonly Logits[]): Logits {
  if (parts.length === 1) return parts[0];
  const join = (pick: (part: Logits) => Float32Array) => {
    const pieces = parts.map(pick);
    const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let offset = 0;
    for (const piece of pieces) {
      whole.set(piece, offset);
      offset += piece.length;
    }
    return whole;
  };
  const classLogits = join((part) => part.classLogits);
  if (!parts[0]?.distillationLogits) return { classLogits, logits: classLogits };
  return {
    classLogits,
    distillationLogits: join((part) => part.distillationLogits as Float32Array),
    logits: join((part) => part.logits),
  };
}

/** The logits of one image of a batch: views of [classes] values. */
export function logitsOf(batch: Logits, image: number, classes: number): Logits {
  const row = (values: Float32Array) => values.subarray(image * classes, (image + 1) * classes);
  const { logits, classLogits, distillationLogits } = batch;
  if (!distillationLogits) return { logits: row(logits), classLogits: row(classLogits) };
  return { logits: row(logits), classLogits: row(classLogits), distillationLogits: row(distillationLogits) };
}

/** The class of a row of logits [classes]: the largest, of equal ones the lower index, never NaN; −1 for only NaN. */
export function decision(row: Float32Array): number {
  let best = -1;
  for (let index = 0; index < row.length; index++)
    if (best < 0 ? !Number.isNaN(row[index]) : row[index] > row[best]) best = index;
  return best;
}

/** A class and its probability. */
export interface ClassScore {
  /** Class index. */
  index: number;
  /** Its name; its index as text where it has none. */
  label: string;
  /** 0 to 1. */
  probability: number;
}

/**
 * Softmax of a row of logits [classes], in double; the largest logit is subtracted first, so that nothing overflows.
 */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/**
 * The `topK` most probable classes of a row of logits [classes], best first; ties go to the lower index. `labels` are
 * the class names in index order.
 */
export function classScores(
  logits: ArrayLike<number>,
  labels: readonly string[],
  topK: number,
): ClassScore[] {
  return Array.from(softmax(logits), (probability, index) => ({
    index,
    label: labels[index] ?? `${index}`,
    probability,
  }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index)
    .slice(0, topK);
}
