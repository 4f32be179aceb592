// Gradient check: an executor's gradients against central differences of the double reference.

import type { Executor } from "../../runtime/executors/executor.js";
import { differentiate } from "../../runtime/graph/autodiff.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { dot } from "../../runtime/graph/operations/sums.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { Graph } from "../../runtime/graph/program.js";
import type { TensorId } from "../../runtime/graph/tensor.js";
import { elementCount, type Shape } from "../../runtime/graph/tensor.js";
import { Random } from "../nn/random.js";
import { runInDouble } from "./double-reference.js";

/** Functions with which a case builds its graph. Parameters are differentiated, inputs are not. */
export interface Ingredients {
  graph: GraphBuilder;
  parameter(name: string, shape: Shape, values?: Float32Array): TensorId;
  input(name: string, shape: Shape, values?: Float32Array): TensorId;
  /** Values for an input that the graph already has. */
  feed(name: string, values: Float32Array): void;
}

/** Returns a tensor of any shape; the check weights each of its values differently and sums them. */
export type Build = (ingredients: Ingredients) => TensorId;

export interface GradientError {
  parameter: string;
  /** Largest |executor − finite difference|, over the largest finite difference of the case. */
  relative: number;
}

/** Step of the central differences; in double its error is near 1e-10 of the value. */
const STEP = 1e-5;

class Case implements Ingredients {
  readonly graph = new GraphBuilder("gradient check");
  readonly parameters = new Map<string, Float32Array>();
  readonly inputs = new Map<string, Float32Array>();
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  // Cases destructure the ingredients, so these are function properties and not methods.
  readonly parameter = (name: string, shape: Shape, values?: Float32Array): TensorId => {
    this.parameters.set(name, values ?? this.#random.normals(elementCount(shape)));
    return this.graph.stored("weights", name, shape);
  };

  readonly input = (name: string, shape: Shape, values?: Float32Array): TensorId => {
    this.inputs.set(name, values ?? this.#random.normals(elementCount(shape)));
    return this.graph.input(name, shape);
  };

  readonly feed = (name: string, values: Float32Array): void => {
    this.inputs.set(name, values);
  };
}

/** The gradient of every parameter of the case, computed both ways. */
export async function checkGradients(executor: Executor, build: Build, seed = 1): Promise<GradientError[]> {
  const given = new Case(seed);
  const { graph } = given;
  const result = build(given);
  const weights = given.input("weight of each value", graph.shapeOf(result));
  const loss = dot(graph, result, weights, "loss");
  graph.output("loss", loss);
  const forward: Graph = {
    name: graph.name,
    tensors: graph.tensors,
    operations: [...graph.operations],
    inputs: graph.inputs,
    outputs: graph.outputs,
  };
  differentiate(graph, loss, { parameters: "weights", gradients: "gradients" });

  const computed = await executorGradients(executor, given);
  const expected = finiteDifferences(forward, given);
  const scale = Math.max(...[...expected.values()].flatMap((values) => values.map(Math.abs)));
  return [...expected].map(([parameter, want]) => {
    const got = computed.get(parameter) as Float32Array;
    return {
      parameter,
      relative: Math.max(...want.map((value, i) => Math.abs(value - got[i]))) / scale,
    };
  });
}

async function executorGradients(executor: Executor, given: Case): Promise<Map<string, Float32Array>> {
  const layout = new Map([...given.parameters].map(([name, values]) => [name, values.length]));
  const stores = new Map(["weights", "gradients"].map((name) => [name, executor.createStore(layout)]));
  for (const [name, values] of given.parameters) stores.get("weights")?.write(name, values);
  const executable = await executor.compile(planProgram(given.graph, executor.capabilities), stores);
  await executable.run(Object.fromEntries(given.inputs));
  const gradients = new Map<string, Float32Array>();
  for (const name of layout.keys())
    gradients.set(name, (await stores.get("gradients")?.read(name)) as Float32Array);
  executable.dispose();
  for (const store of stores.values()) store.dispose();
  return gradients;
}

function finiteDifferences(graph: Graph, { parameters, inputs }: Case): Map<string, number[]> {
  const values = new Map<string, Float64Array>();
  for (const [name, given] of [...parameters, ...inputs]) values.set(name, Float64Array.from(given));
  const loss = () => runInDouble(graph, values).get("loss")?.[0] as number;
  const differences = new Map<string, number[]>();
  for (const name of parameters.keys()) {
    const array = values.get(name) as Float64Array;
    const slope = (i: number) => {
      const original = array[i];
      array[i] = original + STEP;
      const above = loss();
      array[i] = original - STEP;
      const below = loss();
      array[i] = original;
      return (above - below) / (2 * STEP);
    };
    differences.set(
      name,
      Array.from(array, (_, i) => slope(i)),
    );
  }
  return differences;
}
