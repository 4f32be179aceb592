// Convolution claims: gradients of RegNetY's operations equal finite differences in double, on any executor.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import { relu, sigmoid } from "../../runtime/graph/operations/activations.js";
import { batchNorm } from "../../runtime/graph/operations/batch-norm.js";
import { globalAveragePool, scaleChannels } from "../../runtime/graph/operations/channels.js";
import { conv2d } from "../../runtime/graph/operations/conv2d.js";
import { type Build, checkGradients } from "../graph/gradient-check.js";

/** Float32 against double; a wrong factor or a missing term would be of order 1. */
const TOLERANCE = 3e-6;

const CASES: Readonly<Record<string, Build>> = {
  "a convolution with a bias": ({ graph, parameter }) =>
    conv2d(graph, parameter("x", [2, 4, 5, 3]), parameter("w", [4, 3, 3, 3]), parameter("b", [4]), {}, "y"),
  "a strided convolution in groups": ({ graph, parameter }) => {
    const [x, weight] = [parameter("x", [2, 6, 6, 6]), parameter("w", [9, 3, 3, 2])];
    return conv2d(graph, x, weight, undefined, { stride: 2, groups: 3 }, "y");
  },
  "a convolution without a border": ({ graph, parameter }) =>
    conv2d(graph, parameter("x", [1, 4, 4, 2]), parameter("w", [2, 2, 2, 2]), undefined, { padding: 0 }, "y"),
  "batch norm": ({ graph, parameter }) => {
    const tensors = { weight: parameter("w", [5]), bias: parameter("b", [5]) };
    return batchNorm(graph, parameter("x", [3, 2, 2, 5]), tensors, { epsilon: 1e-5, momentum: 0.1 }, "y");
  },
  relu: ({ graph, parameter }) => relu(graph, parameter("x", [3, 7]), "y"),
  "squeeze and excitation": ({ graph, parameter }) => {
    const x = parameter("x", [2, 3, 2, 5]);
    const gate = sigmoid(graph, globalAveragePool(graph, x, "pool"), "gate");
    return scaleChannels(graph, x, gate, "y");
  },
};

/** Registers a test for each case. */
export function convolutionClaims(executor: Executor): void {
  for (const [name, build] of Object.entries(CASES)) {
    test(`${name}: gradients equal finite differences`, async () => {
      for (const { parameter, relative } of await checkGradients(executor, build))
        assert.ok(relative < TOLERANCE, `${parameter}: ${relative}`);
    });
  }
}
