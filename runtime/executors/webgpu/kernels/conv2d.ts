// Convolution: forward as a matrix product per group, and both gradients, with the sizes that their kernels share.

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import { elementCount } from "../../../graph/tensor.js";
import { type Dispatch, elementGrid, foldedGrid } from "../dispatch.js";
import type { Operands } from "../operands.js";
import { matrixTile, productGrid, productTile } from "../product-tile.js";

interface Shapes {
  /** [B,H,W,I] */
  image: TensorId;
  /** [O,K,K,I/G] */
  weight: TensorId;
  /** [B,OH,OW,O] */
  result: TensorId;
}

/** The Params that both backward kernels have after their count. */
function sizes(
  at: Operands,
  { image, weight, result }: Shapes,
  attributes: OperationOf<"conv2d">["attributes"],
): number[] {
  const { stride, padding, groups } = attributes;
  const axes = [1, 2, 3].map((axis) => at.axis(image, axis));
  const [outputs, side] = [at.axis(weight, 0), at.axis(weight, 1)];
  const outSizes = [at.axis(result, 1), at.axis(result, 2)];
  return [...axes, outputs, side, stride, padding, groups, ...outSizes, at.axis(image, 0)];
}

/** A product for each group, with the tiles of linear layers. */
export function conv2d({ reads, writes, attributes }: OperationOf<"conv2d">, at: Operands): Dispatch {
  const { x, weight, bias } = reads;
  const { y } = writes;
  const { stride, padding, groups, relu } = attributes;
  const [height, width, inputs] = [at.axis(x, 1), at.axis(x, 2), at.axis(x, 3)];
  const [outputs, side] = [at.axis(weight, 0), at.axis(weight, 1)];
  const product = { rows: at.rows(y), columns: outputs / groups };
  const depth = (side * side * inputs) / groups;
  const vectors = [inputs / groups, outputs / groups].every((size) => size % 4 === 0);
  // As many tiles as one product with the rows of all groups would have.
  const tiled = { ...product, rows: product.rows * groups };
  const units = vectors ? at.matrix : undefined;
  const tile = units ? matrixTile(units, tiled) : productTile(at.tiles, { ...tiled, vectors });
  return {
    kernel: units ? "subgroup-matrix-conv2d" : "conv2d",
    constants: {
      VECTORS: vectors ? 1 : 0,
      BIAS: bias === undefined ? 0 : 1,
      RELU: relu ? 1 : 0,
      A_BY_DEPTH: 1,
      B_BY_DEPTH: 1,
      ...tile,
    },
    operands: { x: at.at(x), weight: at.factor(weight), bias: at.at(bias), y: at.at(y) },
    numbers: [
      ...[product.rows, depth, product.columns, height, width, inputs, outputs, side, stride, padding],
      ...[at.axis(y, 1), at.axis(y, 2), inputs / groups],
    ],
    grid: productGrid(product, tile, groups),
  };
}

export function conv2dInputGradient(
  { reads, writes, attributes }: OperationOf<"conv2dInputGradient">,
  at: Operands,
): Dispatch {
  const { dy, weight } = reads;
  const count = at.count(writes.dx);
  return {
    kernel: "conv2d-input-gradient",
    operands: { dy: at.at(dy), weight: at.at(weight), dx: at.at(writes.dx) },
    numbers: [count, ...sizes(at, { image: writes.dx, weight, result: dy }, attributes)],
    grid: elementGrid(count),
  };
}

export function conv2dWeightGradient(
  { reads, adds, attributes }: OperationOf<"conv2dWeightGradient">,
  at: Operands,
): Dispatch {
  const { dy, x } = reads;
  const { dWeight: weight, dBias: bias } = adds;
  const rows = elementCount(at.tensor(weight).shape);
  return {
    kernel: "conv2d-weight-gradient",
    operands: { dy: at.at(dy), x: at.at(x), dWeight: at.at(weight), dBias: at.at(bias) },
    numbers: [rows, ...sizes(at, { image: x, weight, result: dy }, attributes), bias === undefined ? 0 : 1],
    grid: foldedGrid(rows),
  };
}
