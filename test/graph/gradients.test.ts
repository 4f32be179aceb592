// Gradients: every operation's gradient rule, run by the executor, agrees with finite differences in double.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { gelu } from "../../runtime/graph/operations/activations.js";
import { attention } from "../../runtime/graph/operations/attention.js";
import { layerNorm } from "../../runtime/graph/operations/layer-norm.js";
import { layerScale } from "../../runtime/graph/operations/layer-scale.js";
import { linear } from "../../runtime/graph/operations/linear.js";
import {
  hardDistillation,
  softDistillation,
  softTargetCrossEntropy,
} from "../../runtime/graph/operations/losses.js";
import { residual, scaleRows } from "../../runtime/graph/operations/residual.js";
import { dot, scaledSum } from "../../runtime/graph/operations/sums.js";
import { assembleTokens, selectToken, selectTokensFrom } from "../../runtime/graph/operations/tokens.js";
import type { TensorId } from "../../runtime/graph/tensor.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { deit } from "../../runtime/models/deit/graph.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { Random } from "../nn/random.js";
import { type Build, checkGradients, type Ingredients } from "./gradient-check.js";

/** Float32 against double; a wrong factor or a missing term would be of order 1. */
const TOLERANCE = 3e-6;

const targets = Float32Array.from([0.1, 0.6, 0.3, 0.9, 0.05, 0.05]);

function norm({ parameter }: Ingredients, width: number) {
  return { weight: parameter("norm weight", [width]), bias: parameter("norm bias", [width]) };
}

const CASES: Readonly<Record<string, Build>> = {
  "linear with bias": ({ graph, parameter }) =>
    linear(graph, parameter("x", [2, 3, 5]), parameter("w", [7, 5]), parameter("b", [7]), "y"),
  "linear without bias": ({ graph, parameter }) =>
    linear(graph, parameter("x", [4, 6]), parameter("w", [3, 6]), undefined, "y"),
  "a weight used twice": ({ graph, parameter }) => {
    const weight = parameter("w", [5, 5]);
    const once = linear(graph, parameter("x", [3, 5]), weight, undefined, "once");
    return linear(graph, once, weight, undefined, "twice");
  },
  "a weight that is made by another operation": ({ graph, parameter }) => {
    const weight = gelu(graph, parameter("w", [4, 5]), "weight");
    const y = linear(graph, parameter("x", [3, 5]), weight, gelu(graph, parameter("b", [4]), "bias"), "y");
    return dot(graph, y, linear(graph, parameter("z", [3, 5]), weight, undefined, "again"), "sum");
  },
  "layer norm": (given) =>
    layerNorm(given.graph, given.parameter("x", [2, 3, 10]), norm(given, 10), 1e-6, "y"),
  "layer norm on a stream that goes on": (given) => {
    const x = gelu(given.graph, given.parameter("x", [3, 6]), "stream");
    const y = layerNorm(given.graph, x, norm(given, 6), 1e-6, "y");
    return residual(given.graph, x, y, undefined, "sum");
  },
  attention: ({ graph, parameter }) =>
    attention(graph, parameter("qkv", [2, 5, 3 * 2 * 4]), 2, "attention").out,
  gelu: ({ graph, parameter }) => gelu(graph, parameter("x", [3, 7]), "y"),
  "residual with scale": ({ graph, parameter, input }) => {
    const scale = input("scale", [3], Float32Array.from([0, 1.25, 1.25]));
    return residual(graph, parameter("x", [3, 4]), parameter("branch", [3, 4]), scale, "y");
  },
  "scaled rows": ({ graph, parameter, input }) =>
    scaleRows(graph, parameter("x", [3, 2, 4]), input("scale", [3]), "y"),
  "scaled sum": ({ graph, parameter }) =>
    scaledSum(graph, parameter("a", [9]), parameter("b", [9]), { alpha: 0.3, beta: -2 }, "y"),
  "dot product": ({ graph, parameter }) => dot(graph, parameter("a", [9]), parameter("b", [9]), "y"),
  "tokens of a plain model": ({ graph, parameter }) => {
    const tokens = { classToken: parameter("cls", [1, 1, 4]), position: parameter("pos", [1, 4, 4]) };
    return assembleTokens(graph, parameter("patches", [2, 3, 4]), tokens, "y");
  },
  "tokens of a distilled model, both selected": ({ graph, parameter }) => {
    const tokens = {
      classToken: parameter("cls", [1, 1, 4]),
      distillationToken: parameter("dist", [1, 1, 4]),
      position: parameter("pos", [1, 5, 4]),
    };
    const y = assembleTokens(graph, parameter("patches", [2, 3, 4]), tokens, "y");
    const [first, second] = [0, 1].map((token) =>
      gelu(graph, selectToken(graph, y, token, `token ${token}`), `${token}`),
    );
    return dot(graph, first as number, second as number, "product");
  },
  "tokens with registers": ({ graph, parameter }) => {
    const tokens = {
      classToken: parameter("cls", [1, 1, 4]),
      registers: parameter("reg", [1, 2, 4]),
      position: parameter("pos", [1, 6, 4]),
    };
    return gelu(graph, assembleTokens(graph, parameter("patches", [2, 3, 4]), tokens, "tokens"), "y");
  },
  "tokens with positions on the patches alone": ({ graph, parameter }) => {
    const tokens = { classToken: parameter("cls", [1, 1, 4]), position: parameter("pos", [1, 3, 4]) };
    return gelu(graph, assembleTokens(graph, parameter("patches", [2, 3, 4]), tokens, "tokens"), "y");
  },
  "registers without a class token": ({ graph, parameter }) => {
    const tokens = { registers: parameter("reg", [1, 2, 4]), position: parameter("pos", [1, 3, 4]) };
    return gelu(graph, assembleTokens(graph, parameter("patches", [2, 3, 4]), tokens, "tokens"), "y");
  },
  "the tokens from the second": ({ graph, parameter }) =>
    gelu(graph, selectTokensFrom(graph, parameter("x", [3, 4, 5]), 1, "selected"), "y"),
  LayerScale: ({ graph, parameter }) =>
    gelu(graph, layerScale(graph, parameter("x", [3, 2, 5]), parameter("factors", [5]), "scaled"), "y"),
  "the last token": ({ graph, parameter }) => selectToken(graph, parameter("x", [3, 4, 5]), 3, "y"),
  "soft-target cross-entropy": ({ graph, parameter, input }) =>
    softTargetCrossEntropy(graph, parameter("logits", [2, 3]), input("targets", [2, 3], targets)),
  "hard distillation": ({ graph, parameter, input }) =>
    hardDistillation(graph, parameter("logits", [4, 5]), input("teacher", [4, 5])),
  "soft distillation": ({ graph, parameter, input }) =>
    softDistillation(graph, parameter("logits", [4, 5]), input("teacher", [4, 5]), 3),
};

const executor = await createWasmExecutor(nodeHost(), { relaxed: false });

for (const [name, build] of Object.entries(CASES)) {
  test(`${name}: gradients equal finite differences`, async () => {
    const errors = await checkGradients(executor, build);
    assert.ok(errors.length > 0);
    const wrong = errors.filter(({ relative }) => !(relative <= TOLERANCE));
    assert.equal(wrong, []);
  });
}

const TINY: DeitConfig = {
  imageSize: 4,
  patchSize: 2,
  dim: 6,
  depth: 2,
  heads: 2,
  mlpDim: 8,
  classes: 3,
  distilled: true,
  layerNormEpsilon: 1e-6,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  cropRatio: 0.875,
};

/** All heads of a whole model, with dropped and kept branches. */
function wholeModel(config: DeitConfig, { graph, parameter, feed }: Parameters<Build>[0]): TensorId {
  const random = new Random(7);
  for (const [name, shape] of deitParameters(config)) {
    const matrix = shape.length === 4 ? [shape[0], shape.slice(1).reduce((a, b) => a * b)] : shape;
    parameter(
      name,
      matrix,
      random.normals(
        shape.reduce((a, b) => a * b),
        0.5,
      ),
    );
  }
  const heads = deit(graph, config, { batch: 2, input: "image", stochasticDepth: true });
  for (const name of graph.inputs.keys()) {
    const scales = name.endsWith("mlp") ? [1.5, 0] : [0, 1.5];
    feed(name, name === "image" ? random.normals(2 * 3 * 4 * 4) : Float32Array.from(scales));
  }
  const { classLogits, distillationLogits } = heads;
  if (distillationLogits === undefined) return classLogits;
  return scaledSum(graph, classLogits, distillationLogits, { alpha: 1, beta: 0.5 }, "sum");
}

/** One block is enough for what differs. */
const SHALLOW: DeitConfig = { ...TINY, depth: 1, distilled: false };

const MODELS: Readonly<Record<string, DeitConfig>> = {
  distilled: TINY,
  "DeiT III": { ...SHALLOW, layerScale: 1e-4, prefixPositions: false },
  "with registers and averaged patches": { ...SHALLOW, registers: 2, pool: "avg", qkvBias: false },
};

for (const [name, config] of Object.entries(MODELS))
  test(`a whole model, ${name}, with stochastic depth: gradients equal finite differences`, async () => {
    const errors = await checkGradients(executor, (given) => wholeModel(config, given));
    assert.is(errors.length, deitParameters(config).size);
    const wrong = errors.filter(({ relative }) => !(relative <= TOLERANCE));
    assert.equal(wrong, []);
  });

test.run();
