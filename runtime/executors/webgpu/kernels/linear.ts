// Linear dispatches: the three products of a linear layer as variants of one kernel. Weights are [outputs, inputs].

import { alignUp } from "../../../bytes.js";
import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import type { Slice } from "../device.js";
import { type Dispatch, floatBits } from "../dispatch.js";
import type { Operands } from "../operands.js";
import { depthShares, matrixTile, productGrid, productTile } from "../product-tile.js";
import { shareSlices, sumOfShares } from "../splits.js";

interface Product {
  rows: number;
  depth: number;
  columns: number;
  /** Whether the depth is the last axis of a, of b. */
  aByDepth: boolean;
  bByDepth: boolean;
  /** Rows of one sample, where a scale goes with samples. */
  rowsPerSample?: number;
  epsilon?: number;
  /** Conditions of the kernel's text. */
  parts: Readonly<Record<string, boolean>>;
}

type Ids = Readonly<Record<string, TensorId | undefined>> & { a: TensorId; b: TensorId; y: TensorId };

/** In shares of the depth, `shares` or fewer, y and rowBias are still to be replaced by theirs. */
function matrixProduct(at: Operands, ids: Ids, product: Product, shares = 1): Dispatch {
  const { rows, depth, columns, aByDepth, bByDepth, rowsPerSample = rows, epsilon = 0 } = product;
  const vectors = [aByDepth ? depth : rows, bByDepth ? depth : columns, columns].every(
    (size) => size % 4 === 0,
  );
  const flags = {
    ...product.parts,
    SPLIT: shares > 1,
    VECTORS: vectors,
    A_BY_DEPTH: aByDepth,
    B_BY_DEPTH: bByDepth,
  };
  const units = vectors ? at.matrix : undefined;
  const all = { rows: shares * rows, columns };
  const tile = units ? matrixTile(units, all) : productTile(at.tiles, { ...all, vectors });
  const share = shares === 1 ? depth : alignUp(Math.ceil(depth / shares), tile.STEP);
  return {
    kernel: units ? "subgroup-matrix-product" : "matrix-product",
    constants: {
      ...Object.fromEntries(Object.entries(flags).map(([name, on]) => [name, on ? 1 : 0])),
      ...tile,
    },
    operands: {
      ...Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, at.at(id)])),
      b: at.factor(ids.b),
    },
    numbers: [rows, depth, columns, rowsPerSample, floatBits(epsilon), share],
    grid: productGrid({ rows, columns }, tile, Math.ceil(depth / share)),
  };
}

export function linear({ reads, writes, attributes }: OperationOf<"linear">, at: Operands): Dispatch {
  const { x, weight, bias, residual, scale, normWeight, normBias } = reads;
  const { y, mean, rstd } = writes;
  const [outputs, inputs] = [at.axis(weight, 0), at.axis(weight, 1)];
  const rows = at.rows(x);
  return matrixProduct(
    at,
    { a: x, b: weight, y, bias, residual, scale, normWeight, normBias, mean, rstd },
    {
      ...{ rows, depth: inputs, columns: outputs, aByDepth: true, bByDepth: true },
      rowsPerSample: scale === undefined ? rows : rows / at.axis(scale, 0),
      epsilon: attributes.epsilon ?? 0,
      parts: {
        BIAS: bias !== undefined,
        GELU: attributes.gelu,
        SCALE: scale !== undefined,
        SCALE_Y: scale !== undefined,
        RESIDUAL: residual !== undefined,
        RELU: attributes.relu === true,
        NORM: normWeight !== undefined,
        ROW_NORM: normWeight !== undefined,
        STATISTICS: mean !== undefined,
      },
    },
  );
}

export function linearInputGradient(
  { reads, writes }: OperationOf<"linearInputGradient">,
  at: Operands,
): Dispatch {
  const { dy, weight, scale, hidden } = reads;
  const [outputs, inputs] = [at.axis(weight, 0), at.axis(weight, 1)];
  const rows = at.rows(dy);
  return matrixProduct(
    at,
    { a: dy, b: weight, y: writes.dx, scale, hidden },
    {
      ...{ rows, depth: outputs, columns: inputs, aByDepth: true, bByDepth: false },
      rowsPerSample: scale === undefined ? rows : rows / at.axis(scale, 0),
      parts: { SCALE: scale !== undefined, SCALE_A: scale !== undefined, GELU_SLOPE: hidden !== undefined },
    },
  );
}

export function linearWeightGradient(
  { reads, adds }: OperationOf<"linearWeightGradient">,
  at: Operands,
  scratch: (bytes: number) => Slice,
): Dispatch[] {
  const { dy, x, scale, mean, rstd, normWeight, normBias } = reads;
  const [outputs, inputs] = [at.axis(dy, -1), at.axis(x, -1)];
  const depth = at.rows(dy);
  const shares = depthShares(at.tiles, { rows: outputs, columns: inputs, depth });
  const product = matrixProduct(
    at,
    { a: dy, b: x, y: adds.dWeight, rowBias: adds.dBias, scale, mean, rstd, normWeight, normBias },
    {
      ...{ rows: outputs, depth, columns: inputs, aByDepth: false, bByDepth: false },
      rowsPerSample: scale === undefined ? depth : depth / at.axis(scale, 0),
      parts: {
        ADD: shares === 1,
        ROW_BIAS: adds.dBias !== undefined,
        SCALE: scale !== undefined,
        SCALE_A: scale !== undefined,
        NORM: normWeight !== undefined,
        DEPTH_NORM: normWeight !== undefined,
        STATISTICS: mean !== undefined,
      },
    },
    shares,
  );
  if (shares === 1) return [product];
  const made = product.grid[2];
  const slices = shareSlices(scratch, made, { count: outputs * inputs, further: outputs });
  const rowBias = adds.dBias === undefined ? undefined : slices.second;
  return [
    { ...product, operands: { ...product.operands, y: slices.first, rowBias } },
    sumOfShares(slices, made, { y: at.at(adds.dWeight), z: at.at(adds.dBias) }),
  ];
}
