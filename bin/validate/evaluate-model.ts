// Evaluate model: a model's answers over a data set, one batch computed while the next is decoded.

import type { EvaluationBatch, EvaluationSource } from "../../runtime/batches/batch-source.js";
import { joined, pipelined, type Started } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";

/** What is asked of a model: `Model` has it. */
export interface Answering {
  readonly config: { imageSize: number };
  /** pixels uint8 [count, size, size, 3] → logits; resolves when the pixels may be overwritten. */
  submit(pixels: Uint8Array, count: number): Promise<Started<Logits>>;
}

/** The answers to one batch; the arrays are the receiver's. */
export interface Answers {
  /** Class index in the data set's own order, [count]. */
  labels: Int32Array;
  /** File of each image, [count]. */
  names: readonly string[];
  /** With a mirrored picture the mean of both pictures' logits. */
  logits: Logits;
  /** uint8 [count, size, size, 3]; empty unless asked for. */
  pixels: Uint8Array;
}

export interface EvaluateOptions {
  /** Test-time flip: each picture is answered with its mirror image, by the mean of the logits. Default false. */
  flip?: boolean;
  /** Keep a copy of each batch's pixels for its answers. Default false. */
  withPixels?: boolean;
}

/** Writes the mirror images of `pixels`, uint8 [count, size, size, 3], into `into`. */
export function mirror(pixels: Uint8Array, size: number, into: Uint8Array): Uint8Array {
  const rowBytes = size * 3;
  for (let row = 0; row < pixels.length; row += rowBytes)
    for (let x = 0; x < rowBytes; x += 3) {
      const from = row + rowBytes - 3 - x;
      into[row + x] = pixels[from];
      into[row + x + 1] = pixels[from + 1];
      into[row + x + 2] = pixels[from + 2];
    }
  return into.subarray(0, pixels.length);
}

function meanOf(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, index) => (value + b[index]) / 2);
}

/** Every head's mean of two answers. */
function meanLogits(a: Logits, b: Logits): Logits {
  const classLogits = meanOf(a.classLogits, b.classLogits);
  if (!a.distillationLogits || !b.distillationLogits) return { classLogits, logits: classLogits };
  const distillationLogits = meanOf(a.distillationLogits, b.distillationLogits);
  return { classLogits, distillationLogits, logits: meanOf(a.logits, b.logits) };
}

/** Calls `take` with the answers to each batch, in order. Throws what the source and the model throw. */
export async function evaluateModel(
  model: Answering,
  source: EvaluationSource,
  { flip = false, withPixels = false }: EvaluateOptions,
  take: (answers: Answers) => void,
): Promise<void> {
  const size = model.config.imageSize;
  let mirrored = new Uint8Array(0);
  const begin = async ({ pixels, count, labels, names }: EvaluationBatch): Promise<Started<Answers>> => {
    const own = withPixels ? pixels.slice() : new Uint8Array(0);
    const kept = { labels: labels.slice(0, count), names, pixels: own };
    const parts = [await model.submit(pixels, count)];
    if (flip) {
      if (mirrored.length < pixels.length) mirrored = new Uint8Array(pixels.length);
      parts.push(await model.submit(mirror(pixels, size, mirrored), count));
    }
    return joined(parts, ([plain, flipped]) => ({
      ...kept,
      logits: flipped ? meanLogits(plain as Logits, flipped) : (plain as Logits),
    }));
  };
  await pipelined(source.batches(), begin, take);
}
