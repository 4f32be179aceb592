// Facts: what the planner must know about an operation besides its operands. The kernels of every executor comply with
// it.

import type { Catalog, Operation, OperationOf, OperationType } from "./catalog.js";
import type { Graph } from "./program.js";
import type { Tensor, TensorId } from "./tensor.js";

type Names<Operands> = string extends keyof Operands ? never : keyof Operands;
type Reads<T extends OperationType> = Names<Catalog[T]["reads"]>;
type Writes<T extends OperationType> = Names<Catalog[T]["writes"]>;

export interface OperationFacts<T extends OperationType> {
  /**
   * Result → operands whose memory it may take, preferred first, where nothing reads them later: each value is read
   * before it is overwritten.
   */
  inPlace?: { readonly [W in Writes<T>]?: readonly Reads<T>[] };
  /**
   * Operands that may be float16 where activations are. As in torch.autocast, what goes into products and comes out of
   * them is, and with it a convolutional network's feature maps; a transformer's residual stream with its gradient,
   * statistics, logits and losses are float32, as are all sums. Kernels read and write either by their operands' types.
   */
  half?:
    | readonly (Reads<T> | Writes<T>)[]
    | ((operation: OperationOf<T>) => readonly (Reads<T> | Writes<T>)[]);
}

const FACTS: { readonly [T in OperationType]?: OperationFacts<T> } = {
  patchifyBytes: { half: ["patches"] },
  patchifyImage: { half: ["patches"] },
  assembleTokens: { half: ["patches"] },
  assembleTokensBackward: { half: ["dPatches"] },
  linear: {
    half: ({ reads, attributes }) => {
      // With a residual y is a transformer's stream, or after a ReLU a feature map.
      if (reads.residual === undefined) return ["x", "y"];
      return attributes.relu ? ["x", "residual", "y"] : ["x"];
    },
  },
  linearInputGradient: { half: ["dy", "dx", "hidden"] },
  linearWeightGradient: { half: ["dy", "x"] },
  layerNorm: { half: ["y"] },
  layerNormBackward: { inPlace: { dx: ["residual", "dy"] }, half: ["dy"] },
  attention: { half: ["qkv", "out"] },
  attentionBackward: { half: ["dOut", "qkv", "out", "dQkv"] },
  layerScale: { inPlace: { y: ["x"] }, half: ["x", "y"] },
  layerScaleGradient: { half: ["dy", "x"] },
  gelu: { inPlace: { y: ["x"] }, half: ["x", "y"] },
  geluBackward: { inPlace: { dx: ["dy", "x"] }, half: ["dy", "x", "dx"] },
  relu: { inPlace: { y: ["x"] }, half: ["x", "y"] },
  reluBackward: { inPlace: { dx: ["dy", "y"] } },
  sigmoid: { inPlace: { y: ["x"] } },
  sigmoidBackward: { inPlace: { dx: ["dy", "y"] } },
  scaledSum: { inPlace: { y: ["a", "b"] } },
  scaleRows: { inPlace: { y: ["x"] } },
  scaleByScalar: { inPlace: { y: ["x"] } },
  residual: { inPlace: { y: ["x", "branch"] }, half: ["x", "branch", "y"] },
  conv2d: { half: ["x", "y"] },
  batchNorm: { inPlace: { y: ["x"] } },
  batchNormBackward: { inPlace: { dx: ["dy", "x"] } },
  globalAveragePool: { half: ["x"] },
  scaleChannels: { inPlace: { y: ["x"] }, half: ["x", "y"] },
};

/** Result → operands whose memory it may take, preferred first. */
export function inPlaceOperands({ type }: Operation): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(FACTS[type]?.inPlace ?? {}));
}

/** Names of the operands, read or written, that may be float16. */
export function halfOperands(operation: Operation): readonly string[] {
  // The table pairs every type with the facts of that type; TypeScript cannot see it through the union.
  const { half = [] } = (FACTS[operation.type] ?? {}) as OperationFacts<OperationType>;
  return typeof half === "function" ? half(operation) : half;
}

/**
 * The graph's tensors, with float16 for those float32 activations for which every operation that uses them allows it.
 * Inputs, outputs, stores, constants and the tensors that operations add to keep their type: sums, statistics and
 * parameters lose no precision.
 */
export function halfActivations(graph: Graph, operations: readonly Operation[]): Tensor[] {
  const allowed = new Set<TensorId>();
  const refused = new Set<TensorId>(graph.outputs.values());
  for (const operation of operations) {
    const halves = new Set(halfOperands(operation));
    for (const [name, id] of Object.entries({ ...operation.reads, ...operation.writes }))
      (halves.has(name) ? allowed : refused).add(id);
    for (const id of Object.values(operation.adds)) refused.add(id);
  }
  return graph.tensors.map((tensor) => {
    const { id, dtype, origin } = tensor;
    const half = dtype === "float32" && origin.kind === "activation" && allowed.has(id) && !refused.has(id);
    return half ? { ...tensor, dtype: "float16" } : tensor;
  });
}
