// Reference run: the values of a graph's tensors in double while the reference implementations compute them.

import type { OperationOf, OperationType } from "../../runtime/graph/catalog.js";
import type { Graph } from "../../runtime/graph/program.js";
import type { TensorId } from "../../runtime/graph/tensor.js";
import { elementCount } from "../../runtime/graph/tensor.js";

export type Values = ArrayLike<number>;

/** Values by tensor name: inputs and parameters. */
export type Given = ReadonlyMap<string, Values>;

export type Reference<T extends OperationType> = (run: ReferenceRun, operation: OperationOf<T>) => void;

export class ReferenceRun {
  readonly #graph: Graph;
  readonly #values = new Map<TensorId, Values>();

  constructor(graph: Graph, given: Given) {
    this.#graph = graph;
    for (const { id, name, origin } of graph.tensors) {
      const values = origin.kind === "constant" ? origin.values : given.get(name);
      if (origin.kind !== "activation" && values) this.#values.set(id, values);
    }
  }

  get(id: TensorId): Values {
    const values = this.#values.get(id);
    if (!values) throw new Error(`no values for tensor ${this.#graph.tensors[id]?.name}`);
    return values;
  }

  shape(id: TensorId): readonly number[] {
    return this.#graph.tensors[id]?.shape ?? [];
  }

  /** Writes value i of `id` as `at(i)`. */
  write(id: TensorId, at: (index: number) => number): void {
    const values = new Float64Array(elementCount(this.shape(id)));
    for (let i = 0; i < values.length; i++) values[i] = at(i);
    this.#values.set(id, values);
  }
}
