// Sums: weighted sums, residuals, sums per sample, dot products.

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import type { Operands } from "../operands.js";
import type { Tensor } from "../tfjs.js";

function scaled(at: Operands, x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : at.tf.mul(x, at.scalar(factor));
}

export function scaledSum({ reads, writes, attributes }: OperationOf<"scaledSum">, at: Operands): void {
  const { alpha, beta } = attributes;
  const a = scaled(at, at.get(reads.a), alpha);
  at.set(writes.y, beta === 0 ? a : at.tf.add(a, scaled(at, at.get(reads.b), beta)));
}

export function accumulate({ reads, adds }: OperationOf<"accumulate">, at: Operands): void {
  at.add(adds.sum, at.get(reads.values));
}

/** scale [B], with as many axes as `x` [B,…]. */
function perSample(at: Operands, scale: TensorId, x: TensorId): Tensor {
  return at.get(scale, [at.axis(x, 0), ...at.shape(x).slice(1).fill(1)]);
}

export function scaleRows({ reads, writes }: OperationOf<"scaleRows">, at: Operands): void {
  at.set(writes.y, at.tf.mul(at.get(reads.x), perSample(at, reads.scale, reads.x)));
}

export function residual({ reads, writes }: OperationOf<"residual">, at: Operands): void {
  const { x, branch, scale } = reads;
  const added = at.get(branch);
  at.set(
    writes.y,
    at.tf.add(at.get(x), scale === undefined ? added : at.tf.mul(added, perSample(at, scale, x))),
  );
}

export function dot({ reads, writes }: OperationOf<"dot">, at: Operands): void {
  at.set(writes.y, at.tf.sum(at.tf.mul(at.get(reads.a), at.get(reads.b))));
}

export function scaleByScalar({ reads, writes }: OperationOf<"scaleByScalar">, at: Operands): void {
  at.set(writes.y, at.tf.mul(at.get(reads.x), at.get(reads.scale, [])));
}
