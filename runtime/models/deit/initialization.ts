// Initialization: the weights that the training of a DeiT starts from. timm 0.3.2 vision_transformer.py, models.py of
// deit.

import { Domain, type DrawMath } from "../../draw/random.js";
import { elementCount } from "../../graph/tensor.js";
import type { TensorMap } from "../../weights/tensor-map.js";
import type { DeitConfig } from "./config.js";
import { deitParameters } from "./parameters.js";

/** Standard deviation of tokens, position embedding and linear weights, of every published model. */
const DEVIATION = 0.02;

/**
 * The weights that a training from scratch starts from, under timm's names; the same seed gives the same bits on
 * every machine. Tokens, position embedding and linear weights are N(0, 0.02²) (timm truncates at ±2, a hundred
 * standard deviations), or of the standard deviation `config.initializerRange`; biases are 0, norms 1 and 0. The patch
 * convolution keeps PyTorch's default, U(±1/√(3·patch²)) for weight and bias. LayerScale's factors are
 * `config.layerScale`. `math` is `runtime.image.math`. timm 0.3.2 vision_transformer.py. Throws `model/config`.
 */
export function initialWeights(config: DeitConfig, seed: number, math: DrawMath): TensorMap {
  const weights: TensorMap = new Map();
  const deviation = config.initializerRange ?? DEVIATION;
  const bound = 1 / Math.sqrt(3 * config.patchSize ** 2);
  let index = 0;
  for (const [name, shape] of deitParameters(config)) {
    const count = elementCount(shape);
    // A stream per tensor: values do not depend on the sizes of the tensors before it.
    const key = { seed, epoch: 0, index: index++, repeat: 0 };
    const isScale = name.endsWith(".gamma");
    const data = isScale
      ? new Float32Array(count).fill(config.layerScale as number)
      : initialValues(name, count, { bound, deviation, math, key });
    weights.set(name, { shape, data });
  }
  return weights;
}

interface Source {
  /** Largest absolute value of the patch convolution's weights and bias. */
  bound: number;
  /** Standard deviation of the others. */
  deviation: number;
  math: DrawMath;
  key: { seed: number; epoch: number; index: number; repeat: number };
}

function initialValues(name: string, count: number, { bound, deviation, math, key }: Source): Float32Array {
  if (name.startsWith("patch_embed.")) {
    const uniform = math.uniforms(key, Domain.Initialization, count);
    return uniform.map((value) => (2 * value - 1) * bound);
  }
  if (/(^|\.|_)norm\d?\.weight$/.test(name)) return new Float32Array(count).fill(1);
  if (name.endsWith(".bias")) return new Float32Array(count);
  const normal = math.normals(key, Domain.Initialization, count);
  return normal.map((value) => value * deviation);
}
