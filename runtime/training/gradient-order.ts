// Gradient order: when the backward pass is done with the gradient of each parameter, so that those that are final can leave
// while the others are computed.

import { tensorsChanged } from "../graph/graph.js";
import type { Program } from "../graph/program.js";
import { GRADIENTS } from "./store-names.js";

export interface GradientOrder {
  /** Parameters in the order in which their gradients become final. */
  names: readonly string[];
  /** Operations of the program after which the gradient of each of them is final, ascending. */
  operations: readonly number[];
}

/** `trained`: names in the order of the stores. A parameter that the program gives no gradient comes first. */
export function gradientOrder({ graph }: Program, trained: readonly string[]): GradientOrder {
  const finals = new Map(trained.map((name) => [name, 0]));
  for (const [index, operation] of graph.operations.entries())
    for (const id of tensorsChanged(operation)) {
      const origin = graph.tensors[id]?.origin;
      if (origin?.kind === "store" && origin.store === GRADIENTS) finals.set(origin.first, index + 1);
    }
  const ordered = [...finals].sort(([, a], [, b]) => a - b);
  return { names: ordered.map(([name]) => name), operations: ordered.map(([, after]) => after) };
}
