// AdamW with decoupled decay (torch.optim.AdamW) and the moving average, tensor by tensor over a run of the stores.
//
//   g = gradient·gradientScale·min(1, clipNorm/(|g| + 1e-6))
//   m += (1 − β1)·(g − m);  v += (1 − β2)·(g² − v)
//   p −= lr·decay·p + lr/bc1·m/(√v/√bc2 + ε);  average += (1 − d)·(p − average)
//
// Numerics: the factors are computed in double, values in float32. Each new value is the old one plus a difference,
// rounded once: a float32 average with d = 0.99996 would otherwise lose most digits of its steps. The sum of squares
// is float32 too: beyond 3.4e38 a step is skipped as if its gradient were not finite.

import type { OperationOf } from "../../../graph/catalog.js";
import { type AdamWSetting, adamWPlace, namedSettings } from "../../../graph/operations/optimizer.js";
import type { TensorId } from "../../../graph/tensor.js";
import { LARGEST_FINITE, type Operands, type Piece } from "../operands.js";
import type { Tensor } from "../tfjs.js";

export function fill({ writes, attributes }: OperationOf<"fill">, at: Operands): void {
  for (const piece of at.pieces(writes.y)) piece.set(at.tf.fill([piece.count], attributes.value));
}

export function sumOfSquares({ reads, writes }: OperationOf<"sumOfSquares">, at: Operands): void {
  const { tf } = at;
  const sums = at.pieces(reads.x).map((piece) => tf.reshape(tf.sum(tf.square(piece.get())), [1]));
  at.set(writes.y, sums.length === 1 ? sums[0] : tf.sum(tf.concat(sums, 0)));
}

/** gradientScale, times the clipping factor where clipping is on; |g| is the norm of the scaled gradients. */
function gradientFactor(at: Operands, norm: Tensor, gradientScale: Tensor, clipNorm: number): Tensor {
  const { tf } = at;
  if (clipNorm <= 0) return gradientScale;
  const length = tf.mul(tf.sqrt(norm), tf.abs(gradientScale));
  const factor = tf.div(tf.scalar(clipNorm), tf.add(length, at.scalar(1e-6)));
  return tf.mul(tf.minimum(factor, at.scalar(1)), gradientScale);
}

/** The factors that depend on the step: gradientScale, learningRate/biasCorrection1, 1/√biasCorrection2. */
function stepSizesOf(at: Operands, id: TensorId) {
  const { tf } = at;
  const { gradientScale, learningRate, biasCorrection1, biasCorrection2 } = namedSettings(at.doubles(id));
  const [stepSize, perRoot] = [
    tf.scalar(learningRate / biasCorrection1),
    tf.scalar(1 / Math.sqrt(biasCorrection2)),
  ];
  if (at.tensor(id).origin.kind === "input")
    return { gradientScale: tf.scalar(gradientScale), stepSize, perRoot };
  // Loss scaling changes these on the device: corrections relative to the host's, 1 until a step is skipped.
  const changed = (setting: AdamWSetting) => tf.reshape(tf.slice(at.get(id), [adamWPlace(setting)], [1]), []);
  const ratio = (setting: AdamWSetting, given: number) => tf.div(changed(setting), tf.scalar(given));
  return {
    gradientScale: changed("gradientScale"),
    stepSize: tf.div(stepSize, ratio("biasCorrection1", biasCorrection1)),
    perRoot: tf.div(perRoot, tf.sqrt(ratio("biasCorrection2", biasCorrection2))),
  };
}

export function adamW({ reads, adds, attributes }: OperationOf<"adamW">, at: Operands): void {
  const factors = factorsOf(at, reads, attributes.decayed);
  const gradients = at.pieces(reads.gradients);
  const [firsts, seconds] = [at.pieces(adds.firstMoment), at.pieces(adds.secondMoment)];
  const averages = adds.average === undefined ? [] : at.pieces(adds.average);
  for (const [i, parameter] of at.pieces(adds.parameters).entries()) {
    const [gradient, first, second] = [gradients[i], firsts[i], seconds[i]] as [Piece, Piece, Piece];
    at.tf.tidy(() => step(at, factors, { parameter, gradient, first, second, average: averages[i] }));
  }
}

type Factors = ReturnType<typeof factorsOf>;

/** The numbers of a step as tensors; those of the graph's constants are kept, the others belong to this operation. */
function factorsOf(at: Operands, reads: OperationOf<"adamW">["reads"], decayed: boolean) {
  const { tf } = at;
  const settings = namedSettings(at.doubles(reads.settings));
  const norm = at.get(reads.norm, []);
  const { gradientScale, stepSize, perRoot } = stepSizesOf(at, reads.settings);
  return {
    gradient: gradientFactor(at, norm, gradientScale, settings.clipNorm),
    rest1: tf.scalar(1 - settings.beta1),
    rest2: tf.scalar(1 - settings.beta2),
    perRoot,
    epsilon: tf.scalar(settings.epsilon),
    stepSize,
    shrink: decayed ? tf.scalar(settings.learningRate * settings.weightDecay) : undefined,
    averageRest: tf.scalar(1 - settings.emaDecay),
    isFinite: tf.less(norm, at.scalar(LARGEST_FINITE)),
  };
}

interface Run {
  parameter: Piece;
  gradient: Piece;
  first: Piece;
  second: Piece;
  average: Piece | undefined;
}

function step({ tf }: Operands, factors: Factors, run: Run): void {
  const { parameter, gradient, first, second, average } = run;
  const applies = tf.tile(tf.reshape(factors.isFinite, [1]), [parameter.count]);
  const keep = (piece: Piece, change: Tensor) => {
    const old = piece.get();
    const changed = tf.where(applies, tf.add(old, change), old);
    piece.set(changed);
    return changed;
  };
  const g = tf.mul(gradient.get(), factors.gradient);
  const m = keep(first, tf.mul(factors.rest1, tf.sub(g, first.get())));
  const v = keep(second, tf.mul(factors.rest2, tf.sub(tf.square(g), second.get())));
  const root = tf.add(tf.mul(tf.sqrt(v), factors.perRoot), factors.epsilon);
  const ahead = tf.div(tf.mul(factors.stepSize, m), root);
  const shrunk = factors.shrink ? tf.add(ahead, tf.mul(factors.shrink, parameter.get())) : ahead;
  const p = keep(parameter, tf.neg(shrunk));
  if (average) keep(average, tf.mul(factors.averageRest, tf.sub(p, average.get())));
}

export function movingAverage({ reads, adds }: OperationOf<"movingAverage">, at: Operands): void {
  const { tf } = at;
  const rest = tf.scalar(1 - namedSettings(at.doubles(reads.settings)).emaDecay);
  const applies = tf.less(at.get(reads.norm, []), at.scalar(LARGEST_FINITE));
  const values = at.pieces(reads.values);
  for (const [i, average] of at.pieces(adds.average).entries())
    tf.tidy(() => {
      const old = average.get();
      const moved = tf.add(old, tf.mul(rest, tf.sub((values[i] as Piece).get(), old)));
      average.set(tf.where(tf.tile(tf.reshape(applies, [1]), [average.count]), moved, old));
    });
}
