// Gradients of convolutional networks: every operation's rule, and a whole RegNetY, agree with finite differences.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { relu, sigmoid } from "../../runtime/graph/operations/activations.js";
import { batchNorm } from "../../runtime/graph/operations/batch-norm.js";
import { globalAveragePool, scaleChannels } from "../../runtime/graph/operations/channels.js";
import { conv2d } from "../../runtime/graph/operations/conv2d.js";
import { swapHalves } from "../../runtime/graph/operations/halves.js";
import { residual } from "../../runtime/graph/operations/residual.js";
import { nodeHost } from "../../runtime/host/node.js";
import { REGNETY_DEFAULTS, type RegnetyConfig } from "../../runtime/models/regnety/config.js";
import { regnety } from "../../runtime/models/regnety/graph.js";
import { regnetyParameters } from "../../runtime/models/regnety/parameters.js";
import { isBuffer } from "../../runtime/weights/tensor-map.js";
import { Random } from "../nn/random.js";
import { type Build, checkGradients } from "./gradient-check.js";

/** Float32 against double; a wrong factor or a missing term would be of order 1. */
const TOLERANCE = 3e-6;

const NORM = { epsilon: 1e-5, momentum: 0.1 };

const CASES: Readonly<Record<string, Build>> = {
  "convolution with a bias": ({ graph, parameter }) =>
    conv2d(graph, parameter("x", [2, 4, 5, 3]), parameter("w", [4, 3, 3, 3]), parameter("b", [4]), {}, "y"),
  "convolution in groups with stride": ({ graph, parameter }) => {
    const [x, weight] = [parameter("x", [2, 6, 6, 6]), parameter("w", [9, 3, 3, 2])];
    return conv2d(graph, x, weight, undefined, { stride: 2, groups: 3 }, "y");
  },
  "strided 1×1 convolution": ({ graph, parameter }) =>
    conv2d(graph, parameter("x", [1, 5, 5, 4]), parameter("w", [3, 1, 1, 4]), undefined, { stride: 2 }, "y"),
  "convolution without a border": ({ graph, parameter }) =>
    conv2d(graph, parameter("x", [1, 4, 4, 2]), parameter("w", [2, 2, 2, 2]), undefined, { padding: 0 }, "y"),
  "batch norm": ({ graph, parameter }) => {
    const tensors = { weight: parameter("w", [5]), bias: parameter("b", [5]) };
    return batchNorm(graph, parameter("x", [3, 2, 2, 5]), tensors, NORM, "y");
  },
  "batch norm on a stream that goes on": ({ graph, parameter }) => {
    const x = sigmoid(graph, parameter("x", [4, 3]), "stream");
    const y = batchNorm(graph, x, { weight: parameter("w", [3]), bias: parameter("b", [3]) }, NORM, "y");
    return residual(graph, x, y, undefined, "sum");
  },
  relu: ({ graph, parameter }) => relu(graph, parameter("x", [3, 7]), "y"),
  "exchanged halves": ({ graph, parameter }) => swapHalves(graph, parameter("x", [4, 3]), "y"),
  sigmoid: ({ graph, parameter }) => sigmoid(graph, parameter("x", [3, 7]), "y"),
  "global average pool": ({ graph, parameter }) =>
    globalAveragePool(graph, parameter("x", [2, 3, 3, 5]), "y"),
  "squeeze and excitation": ({ graph, parameter }) => {
    const x = parameter("x", [2, 3, 2, 5]);
    const gate = sigmoid(graph, globalAveragePool(graph, x, "pool"), "gate");
    return scaleChannels(graph, x, gate, "y");
  },
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

const TINY: RegnetyConfig = structuredClone({
  ...REGNETY_DEFAULTS,
  imageSize: 8,
  classes: 3,
  stemWidth: 4,
  groupWidth: 2,
  stages: [
    { width: 4, depth: 2 },
    { width: 6, depth: 1 },
  ],
});

test("a whole RegNetY in train mode: gradients equal finite differences", async () => {
  const wholeModel: Build = ({ graph, parameter, feed }) => {
    const random = new Random(5);
    regnety(graph, TINY, { batch: 3, input: "image", mode: "training" });
    for (const tensor of graph.tensors)
      if (tensor.origin.kind === "store" && tensor.origin.store === "weights")
        parameter(
          tensor.name,
          tensor.shape,
          random.normals(
            tensor.shape.reduce((a, b) => a * b),
            0.7,
          ),
        );
    // Running statistics are not parameters; those of this check would need a store of their own.
    for (const operation of graph.operations)
      if (operation.type === "batchNorm") Object.assign(operation, { adds: {} });
    feed("image", random.normals(3 * 3 * 8 * 8));
    const logits = graph.tensors.find(({ name }) => name === "logits");
    return logits?.id as number;
  };
  const errors = await checkGradients(executor, wholeModel);
  const names = [...regnetyParameters(TINY).keys()].filter((name) => !isBuffer(name));
  assert.equal(errors.map(({ parameter }) => parameter).sort(), names.sort());
  const wrong = errors.filter(({ relative }) => !(relative <= 10 * TOLERANCE));
  assert.equal(wrong, []);
});

const REFUSALS: readonly [claim: string, text: RegExp, build: (graph: GraphBuilder) => unknown][] = [
  [
    "groups that do not divide",
    /conv2d y outputs by groups: 4 is no multiple of 3/,
    (graph) =>
      conv2d(
        graph,
        graph.input("x", [1, 3, 3, 3]),
        graph.input("w", [4, 3, 3, 1]),
        undefined,
        { groups: 3 },
        "y",
      ),
  ],
  [
    "a weight of other inputs",
    /conv2d y weight: shape \[4, 3, 3, 2\], wanted \[4, 3, 3, 3\]/,
    (graph) =>
      conv2d(graph, graph.input("x", [1, 3, 3, 3]), graph.input("w", [4, 3, 3, 2]), undefined, {}, "y"),
  ],
  [
    "a kernel larger than the image",
    /conv2d y: a kernel of 5 is larger than 3 pixels with 0 of padding/,
    (graph) =>
      conv2d(
        graph,
        graph.input("x", [1, 3, 3, 1]),
        graph.input("w", [1, 5, 5, 1]),
        undefined,
        { padding: 0 },
        "y",
      ),
  ],
  [
    "statistics of other channels",
    /batchNorm y runningMean: shape \[4\], wanted \[3\]/,
    (graph) => {
      const weight = graph.input("w", [3]);
      const runningMean = graph.input("m", [4]);
      return batchNorm(graph, graph.input("x", [2, 3]), { weight, bias: weight, runningMean }, NORM, "y");
    },
  ],
  [
    "factors of another batch",
    /scaleChannels y scale: shape \[1, 3\], wanted \[2, 3\]/,
    (graph) => scaleChannels(graph, graph.input("x", [2, 5, 3]), graph.input("s", [1, 3]), "y"),
  ],
];

for (const [claim, text, build] of REFUSALS)
  test(`${claim}: refused by name`, () => {
    assert.throws(
      () => build(new GraphBuilder("refused")),
      (error: unknown) => isVitrineError(error) && error.code === "graph/shape" && text.test(error.message),
    );
  });

test.run();
