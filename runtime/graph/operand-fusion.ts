// Operand fusion: a row-wise change of an operand of products is applied where the products read it.

import type { Operation, OperationOf } from "./catalog.js";
import { tensorsRead } from "./graph.js";
import type { Graph } from "./program.js";
import type { TensorId } from "./tensor.js";

/** Tensor → indices of the operations that read it, in order. */
function readersOf(operations: readonly Operation[]): Map<TensorId, number[]> {
  const readers = new Map<TensorId, number[]>();
  operations.forEach((operation, index) => {
    for (const id of new Set(tensorsRead(operation))) readers.set(id, [...(readers.get(id) ?? []), index]);
  });
  return readers;
}

/** Replaces operations by index; undefined removes one. */
function edited(operations: readonly Operation[], edits: ReadonlyMap<number, Operation | undefined>) {
  return operations
    .map((operation, index) => (edits.has(index) ? edits.get(index) : operation))
    .filter((operation) => operation !== undefined);
}

/**
 * A layer norm whose result goes to one linear layer, and to the gradient of its weight, is applied by both as they
 * read their operand: the normalized tensor is never stored. The linear layer keeps the statistics where backward reads
 * them.
 */
export function fuseNorms(graph: Graph, operations: readonly Operation[]): Operation[] {
  const readers = readersOf(operations);
  const outputs = new Set(graph.outputs.values());
  const edits = new Map<number, Operation | undefined>();
  operations.forEach((norm, index) => {
    if (norm.type !== "layerNorm" || outputs.has(norm.writes.y)) return;
    const places = readers.get(norm.writes.y) ?? [];
    const products = places.map((place) => [place, edits.get(place) ?? operations[place]] as const);
    const fused = products.map(([place, product]) => [place, withNorm(norm, product as Operation)] as const);
    const [first, ...others] = fused;
    if (
      first?.[1]?.type !== "linear" ||
      others.some(([, product]) => product?.type !== "linearWeightGradient")
    )
      return;
    const statistics = [norm.writes.mean, norm.writes.rstd].flatMap((id) => readers.get(id ?? -1) ?? []);
    if (statistics.some((place) => place < first[0])) return;
    for (const [place, product] of fused) edits.set(place, product);
    edits.set(index, undefined);
  });
  return edited(operations, edits);
}

/** The product with the norm applied to its operand, where its kernel supports that. */
function withNorm(norm: OperationOf<"layerNorm">, product: Operation): Operation | undefined {
  const { x, weight: normWeight, bias: normBias } = norm.reads;
  const { y, mean, rstd } = norm.writes;
  if (product.type === "linear") {
    const { reads, attributes } = product;
    // Where statistics are kept as well, a residual would be one operand more than every device can bind.
    const bound = mean !== undefined && reads.residual !== undefined;
    if (reads.residual === y || reads.normWeight !== undefined || bound) return undefined;
    return {
      ...product,
      reads: { ...reads, x, normWeight, normBias },
      writes: { ...product.writes, mean, rstd },
      attributes: { ...attributes, epsilon: norm.attributes.epsilon },
    };
  }
  if (product.type !== "linearWeightGradient" || product.reads.dy === y || product.reads.scale !== undefined)
    return undefined;
  return { ...product, reads: { ...product.reads, x, mean, rstd, normWeight, normBias } };
}

/** The gradient of stochastic depth, scaled per sample, is scaled by the products that read it. */
export function fuseScales(graph: Graph, operations: readonly Operation[]): Operation[] {
  const readers = readersOf(operations);
  const outputs = new Set(graph.outputs.values());
  const edits = new Map<number, Operation | undefined>();
  operations.forEach((scaling, index) => {
    if (scaling.type !== "scaleRows" || outputs.has(scaling.writes.y)) return;
    const places = readers.get(scaling.writes.y) ?? [];
    const fused = places.map(
      (place) => [place, withScale(scaling, (edits.get(place) ?? operations[place]) as Operation)] as const,
    );
    if (fused.length === 0 || fused.some(([, product]) => product === undefined)) return;
    for (const [place, product] of fused) edits.set(place, product);
    edits.set(index, undefined);
  });
  return edited(operations, edits);
}

function withScale(scaling: OperationOf<"scaleRows">, product: Operation): Operation | undefined {
  const { x: dy, scale } = scaling.reads;
  const { y } = scaling.writes;
  if (product.type !== "linearInputGradient" && product.type !== "linearWeightGradient") return undefined;
  if (product.reads.dy !== y || product.reads.scale !== undefined) return undefined;
  if (product.type === "linearInputGradient") return { ...product, reads: { ...product.reads, dy, scale } };
  if (product.reads.x === y || product.reads.normWeight !== undefined) return undefined;
  return { ...product, reads: { ...product.reads, dy, scale } };
}
