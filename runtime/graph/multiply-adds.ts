// Multiply-adds: the arithmetic of a graph's products, by the shapes of their operands. What papers and timm call FLOPs.

import type { Operation, TensorId } from "./catalog.js";
import type { Graph } from "./program.js";
import { elementCount } from "./tensor.js";

/** Products of a head's q, k, v and gradients, [T,T,E] each: forward q·kᵀ and p·v; backward q·kᵀ again and four more. */
const ATTENTION_PRODUCTS = { attention: 2, attentionBackward: 5 } as const;

function productsOf(operation: Operation, shapeOf: (id: TensorId) => readonly number[]): number {
  const elements = (id: TensorId): number => elementCount(shapeOf(id));
  const last = (id: TensorId): number => shapeOf(id).at(-1) ?? 1;
  switch (operation.type) {
    case "linear":
    case "linearInt8":
      return elements(operation.writes.y) * last(operation.reads.x);
    case "linearInputGradient":
      return elements(operation.writes.dx) * last(operation.reads.dy);
    case "linearWeightGradient":
      return elements(operation.reads.dy) * last(operation.reads.x);
    case "attention":
    case "attentionBackward": {
      const [batch, tokens, width] = shapeOf(operation.reads.qkv);
      return (ATTENTION_PRODUCTS[operation.type] * batch * tokens * tokens * width) / 3;
    }
    // An output value is a sum over a patch of one group's channels: what is left of the weight for one of its O rows.
    case "conv2d":
      return (
        elements(operation.writes.y) * (elements(operation.reads.weight) / shapeOf(operation.reads.weight)[0])
      );
    case "conv2dInputGradient":
      return (
        elements(operation.reads.dy) * (elements(operation.reads.weight) / shapeOf(operation.reads.weight)[0])
      );
    case "conv2dWeightGradient":
      return (
        elements(operation.reads.dy) * (elements(operation.adds.dWeight) / shapeOf(operation.adds.dWeight)[0])
      );
    default:
      return 0;
  }
}

/**
 * Multiply-adds of the linear layers, attention and convolutions in a graph, forward and backward; everything else is
 * under 1% of a model. Twice this is the number of floating-point operations.
 */
export function multiplyAdds({ operations, tensors }: Graph): number {
  return operations.reduce((sum, operation) => sum + productsOf(operation, (id) => tensors[id].shape), 0);
}
