// Loss scale: torch.amp.GradScaler's unscale_ and update, before the optimizer's step instead of after it.
//
//   finite:     goodSteps + 1; at `interval` of them scale·growth, and goodSteps is 0
//   not finite: scale·backoff, goodSteps is 0, skipped + 1
//
// Numerics: the corrections of the moments' bias are the host's until a step is skipped. From then on they are
// computed for the steps that were applied, in float32 to a few units in the last place: 1 − βⁿ = −expm1(n·log β), for
// which tfjs's own expm1 is no better than exp − 1 on a GPU.

import type { OperationOf } from "../../../graph/catalog.js";
import { adamWPlace, namedSettings } from "../../../graph/operations/optimizer.js";
import { LARGEST_FINITE, type Operands } from "../operands.js";
import type { Tensor, Tfjs } from "../tfjs.js";

/** 2^126: the reciprocal of a larger power of two is subnormal in float32. */
const LARGEST_SCALE = 2 ** 126;

export function updateLossScale(
  { reads, writes, adds, attributes }: OperationOf<"updateLossScale">,
  at: Operands,
): void {
  const { tf } = at;
  const { growth, backoff, interval } = attributes;
  const [scale, goodSteps, skipped] = [at.get(adds.scale), at.get(adds.goodSteps), at.get(adds.skipped)];
  const settings = at.doubles(reads.settings);
  at.giveDoubles(writes.unscaled, settings);
  at.set(writes.unscaled, unscaledSettings(at, settings, scale, skipped));

  const one = at.scalar(1);
  const wasGood = tf.less(at.get(reads.norm, [1]), at.scalar(LARGEST_FINITE));
  const good = tf.add(goodSteps, one);
  const isDue = tf.greater(good, at.scalar(interval - 0.5));
  const grown = tf.mul(scale, at.scalar(growth));
  const isTooLarge = tf.greater(grown, at.scalar(LARGEST_SCALE));
  const zero = tf.zeros([1]);
  const afterGood = tf.where(isDue, tf.where(isTooLarge, scale, grown), scale);
  const state = [
    tf.where(wasGood, afterGood, tf.mul(scale, at.scalar(backoff))),
    tf.where(wasGood, tf.where(isDue, zero, good), zero),
    tf.where(wasGood, skipped, tf.add(skipped, one)),
  ] as const;
  at.set(writes.report, tf.concat([scale, ...state], 0));
  for (const [i, id] of [adds.scale, adds.goodSteps, adds.skipped].entries()) at.set(id, state[i]);
}

/** The settings [12] as AdamW reads them, with the entries that the scale and the skipped steps change. */
function unscaledSettings(at: Operands, settings: Float64Array, scale: Tensor, skipped: Tensor): Tensor {
  const { tf } = at;
  const { beta1, beta2, step } = namedSettings(settings);
  const [correction1, correction2] = [adamWPlace("biasCorrection1"), adamWPlace("biasCorrection2")];
  const gradientScale = adamWPlace("gradientScale");
  const given = tf.tensor(Float32Array.from(settings), [settings.length]);
  const logs = tf.tensor([Math.log(beta1), Math.log(beta2)], [2]);
  const steps = tf.maximum(tf.sub(tf.scalar(step), skipped), at.scalar(1));
  const corrections = oneMinusExp(tf, tf.mul(logs, steps));
  const anySkipped = tf.tile(tf.greater(skipped, at.scalar(0.5)), [2]);
  return tf.concat(
    [
      tf.slice(given, [0], [correction1]),
      tf.where(anySkipped, corrections, tf.slice(given, [correction1], [correction2 + 1 - correction1])),
      tf.reciprocal(scale),
      tf.slice(given, [gradientScale + 1], [settings.length - gradientScale - 1]),
    ],
    0,
  );
}

/** 1 − exp(x) for x ≤ 0: near 0 by expm1(x) = 2x/(x·coth(x/2) − x), with the series of x·coth(x/2) up to x⁶. */
function oneMinusExp(tf: Tfjs, x: Tensor): Tensor {
  const square = tf.square(x);
  let series = tf.scalar(1 / 15_120);
  for (const coefficient of [-1 / 360, 1 / 6, 2])
    series = tf.add(tf.mul(square, series), tf.scalar(coefficient));
  const near = tf.div(tf.mul(x, tf.scalar(-2)), tf.sub(series, x));
  const far = tf.sub(tf.scalar(1), tf.exp(x));
  return tf.where(tf.less(x, tf.scalar(-0.5)), far, near);
}
