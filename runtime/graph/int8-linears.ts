// Int8 linears: a graph whose linear layers read int8 matrices instead of float32 weights.

import type { Operation, OperationOf } from "./catalog.js";
import type { Graph } from "./program.js";
import type { Tensor, TensorId } from "./tensor.js";

/** Store of the int8 matrices, by the names of the float32 weights that they replace. */
export const INT8_WEIGHTS = "int8 weights";

/** Maximum number of inputs of an int8 layer: its quantized rows must fit the kernels' scratch. */
export const MAX_INT8_INPUTS = 8192;

/**
 * `names`: weights that are int8 matrices. Linear layers that read one become int8; the rest of the graph is unchanged.
 */
export function withInt8Linears(graph: Graph, names: ReadonlySet<string>): Graph {
  const tensors: Tensor[] = [...graph.tensors];
  const matrices = new Map<TensorId, TensorId>();
  const matrixOf = (id: TensorId): TensorId | undefined => {
    const { name, shape, origin } = graph.tensors[id];
    if (origin.kind !== "store" || origin.first !== origin.last || !names.has(origin.first)) return undefined;
    const known = matrices.get(id);
    if (known !== undefined) return known;
    const matrix = tensors.length;
    tensors.push({ id: matrix, name, shape, dtype: "int8", origin: { ...origin, store: INT8_WEIGHTS } });
    matrices.set(id, matrix);
    return matrix;
  };
  const operations = graph.operations.map((operation): Operation => {
    if (operation.type !== "linear") return operation;
    const weight = matrixOf(operation.reads.weight);
    return weight === undefined ? operation : asInt8(operation, weight);
  });
  return { name: graph.name, tensors, operations, inputs: graph.inputs, outputs: graph.outputs };
}

function asInt8(operation: OperationOf<"linear">, weight: TensorId): OperationOf<"linearInt8"> {
  return { ...operation, type: "linearInt8", reads: { ...operation.reads, weight } };
}
