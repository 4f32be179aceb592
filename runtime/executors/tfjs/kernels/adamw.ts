// Optimizers, tensor by tensor over a run of the stores: SGD with Nesterov momentum, LAMB, the moving average, and AdamW
// with decoupled decay (torch.optim.AdamW):
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

export function tensorSquares({ reads, writes }: OperationOf<"tensorSquares">, at: Operands): void {
  const { tf } = at;
  const sums = at.pieces(reads.x).map((piece) => tf.reshape(tf.sum(tf.square(piece.get())), [1]));
  at.set(writes.y, sums.length === 1 ? sums[0] : tf.concat(sums, 0));
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
function stepSizesOf(at: Operands, id: TensorId, rate: number) {
  const { tf } = at;
  const { gradientScale, biasCorrection1, biasCorrection2 } = namedSettings(at.doubles(id));
  const [stepSize, perRoot] = [tf.scalar(rate / biasCorrection1), tf.scalar(1 / Math.sqrt(biasCorrection2))];
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
  const factors = factorsOf(at, reads, attributes);
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
function factorsOf(
  at: Operands,
  reads: OperationOf<"adamW">["reads"],
  { decayed, rateFactor }: OperationOf<"adamW">["attributes"],
) {
  const { tf } = at;
  const settings = namedSettings(at.doubles(reads.settings));
  const rate = settings.learningRate * rateFactor;
  const norm = at.get(reads.norm, []);
  const { gradientScale, stepSize, perRoot } = stepSizesOf(at, reads.settings, rate);
  return {
    gradient: gradientFactor(at, norm, gradientScale, settings.clipNorm),
    rest1: tf.scalar(1 - settings.beta1),
    rest2: tf.scalar(1 - settings.beta2),
    perRoot,
    epsilon: tf.scalar(settings.epsilon),
    stepSize,
    shrink: decayed ? tf.scalar(rate * settings.weightDecay) : undefined,
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

/** Whether the step applies, and the gradients' factor by clipping. */
function stepGate(at: Operands, settings: TensorId, normId: TensorId) {
  const norm = at.get(normId, []);
  const { clipNorm } = namedSettings(at.doubles(settings));
  const { gradientScale } = stepSizesOf(at, settings, 1);
  const factor = gradientFactor(at, norm, gradientScale, clipNorm);
  return { norm, factor, steps: at.tf.less(norm, at.scalar(LARGEST_FINITE)) };
}

/** Writes `changed` where the step applies. */
function writeWhere({ tf }: Operands, steps: Tensor, piece: Piece, changed: Tensor): void {
  const applies = tf.tile(tf.reshape(steps, [1]), [piece.count]);
  piece.set(tf.where(applies, changed, piece.get()));
}

/** g = gradient·factor + decay·p;  b = momentum·b + g;  p −= lr·(g + momentum·b) */
export function sgd({ reads, adds, attributes }: OperationOf<"sgd">, at: Operands): void {
  const { tf } = at;
  const { learningRate, weightDecay, momentum } = namedSettings(at.doubles(reads.settings));
  const { factor, steps } = stepGate(at, reads.settings, reads.norm);
  const [rate, keep] = [tf.scalar(learningRate * attributes.rateFactor), tf.scalar(momentum)];
  const decay = attributes.decayed ? tf.scalar(weightDecay) : undefined;
  const [gradients, buffers] = [at.pieces(reads.gradients), at.pieces(adds.firstMoment)];
  for (const [i, parameter] of at.pieces(adds.parameters).entries())
    tf.tidy(() => {
      const [gradient, buffer] = [gradients[i], buffers[i]] as [Piece, Piece];
      const scaled = tf.mul(gradient.get(), factor);
      const g = decay ? tf.add(scaled, tf.mul(decay, parameter.get())) : scaled;
      const b = tf.add(tf.mul(keep, buffer.get()), g);
      const p = tf.sub(parameter.get(), tf.mul(rate, tf.add(g, tf.mul(keep, b))));
      writeWhere(at, steps, buffer, b);
      writeWhere(at, steps, parameter, p);
    });
}

/** f = factor/max(1, |g·factor|);  moments of g·f;  gradient = m/bc1/(√v/√bc2 + ε) + decay·p */
export function lambDirection({ reads, adds, attributes }: OperationOf<"lambDirection">, at: Operands): void {
  const { tf } = at;
  const settings = namedSettings(at.doubles(reads.settings));
  const { norm, factor, steps } = stepGate(at, reads.settings, reads.norm);
  const length = tf.mul(tf.sqrt(norm), tf.abs(factor));
  const scale = tf.div(factor, tf.maximum(length, at.scalar(1)));
  const { stepSize, perRoot } = stepSizesOf(at, reads.settings, 1);
  const [rest1, rest2] = [tf.scalar(1 - settings.beta1), tf.scalar(1 - settings.beta2)];
  const [epsilon, decay] = [tf.scalar(settings.epsilon), tf.scalar(settings.weightDecay)];
  const parameters = at.pieces(reads.parameters);
  const [firsts, seconds] = [at.pieces(adds.firstMoment), at.pieces(adds.secondMoment)];
  for (const [i, gradient] of at.pieces(adds.gradients).entries())
    tf.tidy(() => {
      const [parameter, first, second] = [parameters[i], firsts[i], seconds[i]] as [Piece, Piece, Piece];
      const g = tf.mul(gradient.get(), scale);
      const m = tf.add(first.get(), tf.mul(rest1, tf.sub(g, first.get())));
      const v = tf.add(second.get(), tf.mul(rest2, tf.sub(tf.square(g), second.get())));
      const root = tf.add(tf.mul(tf.sqrt(v), perRoot), epsilon);
      const adam = tf.div(tf.mul(stepSize, m), root);
      const u = attributes.decayed ? tf.add(adam, tf.mul(decay, parameter.get())) : adam;
      writeWhere(at, steps, first, m);
      writeWhere(at, steps, second, v);
      writeWhere(at, steps, gradient, u);
    });
}

/** p −= lr·trust·direction */
export function lambStep({ reads, adds, attributes }: OperationOf<"lambStep">, at: Operands): void {
  const { tf } = at;
  const { learningRate, weightDecay } = namedSettings(at.doubles(reads.settings));
  const steps = tf.less(at.get(reads.norm, []), at.scalar(LARGEST_FINITE));
  const { parameterSquares, directionSquares } = reads;
  const rate = tf.scalar(learningRate * attributes.rateFactor);
  const adapts = parameterSquares !== undefined && directionSquares !== undefined && weightDecay !== 0;
  const adapted = (i: number): Tensor => {
    if (!adapts) return rate;
    const of = (id: TensorId) => tf.reshape(tf.slice(at.get(id), [i], [1]), []);
    const [squares, length] = [of(parameterSquares), of(directionSquares)];
    // Squares of float32 are 0 or larger: their product is 0 where one of them is.
    const both = tf.greater(tf.mul(tf.sqrt(squares), tf.sqrt(length)), at.scalar(0));
    const ratio = tf.sqrt(tf.div(squares, tf.where(both, length, at.scalar(1))));
    return tf.mul(rate, tf.where(both, ratio, at.scalar(1)));
  };
  const directions = at.pieces(reads.direction);
  for (const [i, parameter] of at.pieces(adds.parameters).entries())
    tf.tidy(() => {
      const step = tf.mul(adapted(i), (directions[i] as Piece).get());
      writeWhere(at, steps, parameter, tf.sub(parameter.get(), step));
    });
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
