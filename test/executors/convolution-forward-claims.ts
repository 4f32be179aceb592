// Convolution forward claims: convolutions and operations on channels equal the reference implementations in double for
// every kind of size.

import { test } from "uvu";
import type { Executor } from "../../runtime/executors/executor.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { relu } from "../../runtime/graph/operations/activations.js";
import { globalAveragePool, scaleChannels } from "../../runtime/graph/operations/channels.js";
import { conv2d } from "../../runtime/graph/operations/conv2d.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { elementCount, type Shape } from "../../runtime/graph/tensor.js";
import { runInDouble } from "../graph/double-reference.js";
import { assertClose } from "../nn/compare.js";
import { Random } from "../nn/random.js";

interface Case {
  /** [batch, height, width, inputs] */
  x: Shape;
  outputs: number;
  kernel: number;
  stride?: number;
  padding?: number;
  groups?: number;
}

/**
 * Channels per group that are and are not multiples of 4; padding of 0, of the width that keeps the size, and wider
 * than the kernel; fewer and more pixels, outputs and depth than a tile.
 */
const CASES: readonly Case[] = [
  { x: [2, 9, 7, 3], outputs: 8, kernel: 3, stride: 2 },
  { x: [3, 11, 6, 8], outputs: 12, kernel: 3 },
  { x: [2, 7, 13, 24], outputs: 36, kernel: 3, groups: 3 },
  { x: [2, 7, 9, 24], outputs: 24, kernel: 3, stride: 2, groups: 2 },
  { x: [2, 5, 7, 12], outputs: 20, kernel: 1, stride: 2 },
  { x: [1, 5, 5, 9], outputs: 6, kernel: 1, groups: 3 },
  { x: [1, 6, 5, 4], outputs: 8, kernel: 2, padding: 0 },
  { x: [1, 4, 3, 4], outputs: 4, kernel: 3, stride: 3, padding: 4 },
  { x: [1, 8, 8, 4], outputs: 100, kernel: 5, stride: 2, padding: 1 },
  { x: [1, 3, 3, 112], outputs: 112, kernel: 3 },
  // Enough tiles for the large ones of a GPU.
  { x: [2, 64, 65, 4], outputs: 8, kernel: 3 },
];

/** Feature maps with fewer and more channels than the sixteen of a workgroup, multiples of 4 and not. */
const MAPS: readonly Shape[] = [
  [3, 5, 7, 36],
  [2, 3, 1, 18],
  [1, 4, 5, 8],
];

/** Registers the test; `tolerance` is a fraction of the result's largest value. */
export function convolutionForwardClaims(executor: Executor, what: string, tolerance: number): void {
  test(`convolutions, pools and scaled channels equal the reference implementations in double, with and without ReLU fused${what}`, async () => {
    const { graph, given } = allCases();
    const store = executor.createStore(
      new Map(Array.from(given, ([name, values]) => [name, values.length] as const)),
    );
    for (const [name, values] of given) store.write(name, values);
    const program = planProgram(graph, executor.capabilities);
    const executable = await executor.compile(program, new Map([["weights", store]]));
    const outputs = await executable.run({});
    for (const [name, want] of runInDouble(graph, given)) {
      const largest = Array.from(want).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      assertClose(outputs[name] as Float32Array, want, tolerance * largest, name);
    }
    executable.dispose();
    store.dispose();
  });
}

function allCases(): { graph: GraphBuilder; given: Map<string, Float32Array> } {
  const graph = new GraphBuilder("convolutions");
  const random = new Random(7);
  const given = new Map<string, Float32Array>();
  const stored = (name: string, shape: Shape) => {
    given.set(name, random.normals(elementCount(shape)));
    return graph.stored("weights", name, [...shape]);
  };
  CASES.forEach(({ x: shape, outputs, kernel, ...options }, index) => {
    const name = `${index}: ${JSON.stringify(CASES[index])}`;
    const { groups = 1 } = options;
    const x = stored(`${name} x`, shape);
    const weight = stored(`${name} weight`, [outputs, kernel, kernel, (shape[3] as number) / groups]);
    const bias = index % 2 === 0 ? stored(`${name} bias`, [outputs]) : undefined;
    const convolved = (part: string) => conv2d(graph, x, weight, bias, options, `${name} ${part}`);
    graph.output(`${name} plain`, convolved("plain"));
    graph.output(`${name} relu`, relu(graph, convolved("before"), `${name} relu`));
  });
  for (const shape of MAPS) {
    const name = `${shape}`;
    const x = stored(`${name} x`, shape);
    const scale = stored(`${name} scale`, [shape[0] as number, shape[3] as number]);
    graph.output(`${name} scaled`, scaleChannels(graph, x, scale, `${name} scaled`));
    graph.output(`${name} pooled`, globalAveragePool(graph, x, `${name} pooled`));
  }
  return { graph, given };
}
