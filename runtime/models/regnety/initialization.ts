// Initialization: the weights that the training of a RegNetY starts from. timm 0.3.2 regnet.py.

import { Domain, type DrawMath } from "../../draw/random.js";
import { elementCount } from "../../graph/tensor.js";
import type { ParameterShapes, TensorMap } from "../../weights/tensor-map.js";
import type { RegnetyConfig } from "./config.js";
import { regnetyParameters } from "./parameters.js";

/** Standard deviation of the head's weights. */
const HEAD_DEVIATION = 0.01;

/** The last batch norm of a block starts at 0, and with it the branch: the block passes its input on. */
const LAST_NORM = /\.conv3\.bn\.weight$/;

/**
 * The weights that a training from scratch starts from, under timm's names. Convolutions, those of squeeze-and-excitation
 * included, are normal with variance 2/(outputs·K·K) (Kaiming, fan-out, whatever the groups), the biases of
 * squeeze-and-excitation U(±1/√inputs), the head N(0, 0.01²) with bias 0. Batch norm starts at weight 1 (0 in the last
 * of a block), bias 0, mean 0 and variance 1. `math` is `runtime.image.math`. Throws `model/config`.
 */
export function initialWeights(config: RegnetyConfig, seed: number, math: DrawMath): TensorMap {
  const shapes = regnetyParameters(config);
  const weights: TensorMap = new Map();
  for (const [index, [name, shape]] of [...shapes].entries()) {
    // A stream per tensor: values do not depend on the sizes of the tensors before it.
    const key = { seed, epoch: 0, index, repeat: 0 };
    const count = elementCount(shape);
    const rule = ruleOf(name, shapes);
    const data = new Float32Array(count);
    if ("deviation" in rule) {
      const normals = math.normals(key, Domain.Initialization, count);
      for (let i = 0; i < count; i++) data[i] = normals[i] * rule.deviation;
    } else if ("bound" in rule) {
      const uniforms = math.uniforms(key, Domain.Initialization, count);
      for (let i = 0; i < count; i++) data[i] = (2 * uniforms[i] - 1) * rule.bound;
    } else data.fill(rule.value);
    weights.set(name, { shape, data });
  }
  return weights;
}

/** How a tensor starts: normal, uniform, or one value everywhere. */
type Rule = { deviation: number } | { bound: number } | { value: number };

function ruleOf(name: string, shapes: ParameterShapes): Rule {
  const shape = shapes.get(name) ?? [];
  if (name === "head.fc.weight") return { deviation: HEAD_DEVIATION };
  if (shape.length === 4) return { deviation: Math.sqrt(2 / (shape[0] * shape[2] * shape[3])) };
  // PyTorch's default for a convolution's bias: 1/√(inputs of the convolution).
  if (/\.se\.fc\d\.bias$/.test(name))
    return { bound: 1 / Math.sqrt(shapes.get(name.replace(/bias$/, "weight"))?.[1] ?? 1) };
  const isOne = /\.bn\.(weight|running_var)$/.test(name) && !LAST_NORM.test(name);
  return { value: isOne ? 1 : 0 };
}
