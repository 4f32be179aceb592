// LayerScale: a factor for each column of x […,D], and its gradient.

import type { OperationOf } from "../../../graph/catalog.js";
import type { Operands } from "../operands.js";

export function layerScale({ reads, writes }: OperationOf<"layerScale">, at: Operands): void {
  const factors = at.get(reads.factors, [1, at.axis(reads.x, -1)]);
  at.set(writes.y, at.tf.mul(at.matrix(reads.x), factors));
}

export function layerScaleGradient({ reads, adds }: OperationOf<"layerScaleGradient">, at: Operands): void {
  at.add(adds.dFactors, at.tf.sum(at.tf.mul(at.matrix(reads.dy), at.matrix(reads.x)), 0));
}
