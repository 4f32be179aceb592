// Random graph: forward operations on random tensors in random order, some of them outputs, for properties of planning.

import { GraphBuilder } from "../../runtime/graph/graph.js";
import { gelu, relu } from "../../runtime/graph/operations/activations.js";
import { layerNorm } from "../../runtime/graph/operations/layer-norm.js";
import { linear } from "../../runtime/graph/operations/linear.js";
import { residual, scaleRows } from "../../runtime/graph/operations/residual.js";
import { scaledSum } from "../../runtime/graph/operations/sums.js";
import type { TensorId } from "../../runtime/graph/tensor.js";
import type { Random } from "../nn/random.js";

const ROWS = 6;
const WIDTHS = [3, 8, 17];

export interface RandomGraph {
  graph: GraphBuilder;
  /** Values of every input and parameter. */
  given: Map<string, Float32Array>;
}

/** A graph of about `size` operations on tensors [6, width]. */
export function randomGraph(random: Random, size: number): RandomGraph {
  const graph = new GraphBuilder("random");
  const given = new Map<string, Float32Array>();
  const parameter = (name: string, shape: number[]) => {
    given.set(
      name,
      random.normals(
        shape.reduce((a, b) => a * b),
        0.5,
      ),
    );
    return graph.stored("weights", name, shape);
  };
  const input = (name: string, shape: number[]) => {
    given.set(name, random.normals(shape.reduce((a, b) => a * b)));
    return graph.input(name, shape);
  };
  const scale = input("scale", [ROWS]);
  const tensors: TensorId[] = WIDTHS.map((width) => input(`input ${width}`, [ROWS, width]));
  const pick = () => tensors[random.between(0, tensors.length - 1)] as TensorId;
  const widthOf = (id: TensorId) => graph.shapeOf(id)[1] as number;
  /** Any tensor of the same width, possibly the same tensor. */
  const sameWidth = (id: TensorId) => {
    const candidates = tensors.filter((other) => widthOf(other) === widthOf(id));
    return candidates[random.between(0, candidates.length - 1)] as TensorId;
  };
  const makers: ((name: string) => TensorId)[] = [
    (name) => gelu(graph, pick(), name),
    (name) => relu(graph, pick(), name),
    (name) => scaleRows(graph, pick(), scale, name),
    (name) => {
      const x = pick();
      return scaledSum(graph, x, sameWidth(x), { alpha: 0.5, beta: -0.25 }, name);
    },
    (name) => {
      const x = pick();
      return residual(graph, x, sameWidth(x), random.uniform() < 0.5 ? scale : undefined, name);
    },
    (name) => {
      const x = pick();
      const width = widthOf(x);
      const parameters = { weight: parameter(`${name}.w`, [width]), bias: parameter(`${name}.b`, [width]) };
      return layerNorm(graph, x, parameters, 1e-6, name);
    },
    (name) => {
      const x = pick();
      const outputs = WIDTHS[random.between(0, WIDTHS.length - 1)];
      const weight = parameter(`${name}.w`, [outputs, widthOf(x)]);
      return linear(graph, x, weight, parameter(`${name}.b`, [outputs]), name);
    },
  ];
  for (let i = 0; i < size; i++) {
    const make = makers[random.between(0, makers.length - 1)] as (name: string) => TensorId;
    tensors.push(make(`tensor ${i}`));
  }
  const last = tensors.length - 1;
  for (const id of new Set([last, random.between(WIDTHS.length, last), random.between(WIDTHS.length, last)]))
    graph.output(`output ${id}`, tensors[id] as TensorId);
  return { graph, given };
}
