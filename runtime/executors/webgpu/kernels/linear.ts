// Linear: the three products of a linear layer, as variants of one kernel. Weights are [outputs, inputs].

import { alignUp } from "../../../bytes.js";
import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import { type Dispatch, floatBits } from "../dispatch.js";
import type { Operands, Scratch } from "../operands.js";
import { matrixTile, PRODUCT_TILES, productGrid, productTile, tilesOf } from "../product-tile.js";
import { splitCount, splitSlices, sumOfSplits } from "../splits.js";
import type { TileTable } from "../tier.js";

interface Product {
  rows: number;
  depth: number;
  columns: number;
  /** Whether the depth is the last axis of a, and of b. */
  aByDepth: boolean;
  bByDepth: boolean;
  /** Rows of one sample, where a scale per sample is applied. */
  rowsPerSample?: number;
  epsilon?: number;
  /** Conditions of the kernel's text. */
  parts: Readonly<Record<string, boolean>>;
}

type Ids = Readonly<Record<string, TensorId | undefined>> & { a: TensorId; b: TensorId; y: TensorId };

/** With at most `splits` splits of the depth; the caller replaces y and rowBias by their partial sums. */
function matrixProduct(at: Operands, ids: Ids, product: Product, splits = 1): Dispatch {
  const { rows, depth, columns, aByDepth, bByDepth, rowsPerSample = rows, epsilon = 0 } = product;
  const vectors = [aByDepth ? depth : rows, bByDepth ? depth : columns, columns].every(
    (size) => size % 4 === 0,
  );
  const flags = {
    ...product.parts,
    SPLIT: splits > 1,
    VECTORS: vectors,
    A_BY_DEPTH: aByDepth,
    B_BY_DEPTH: bByDepth,
  };
  const units = vectors ? at.matrix : undefined;
  const all = { rows: splits * rows, columns };
  const tile = units ? matrixTile(units, all) : productTile(at.tiles, { ...all, vectors });
  const depthPerSplit = splits === 1 ? depth : alignUp(Math.ceil(depth / splits), tile.STEP);
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
    numbers: [rows, depth, columns, rowsPerSample, floatBits(epsilon), depthPerSplit],
    grid: productGrid({ rows, columns }, tile, Math.ceil(depth / depthPerSplit)),
  };
}

export function linear({ reads, writes, attributes }: OperationOf<"linear">, at: Operands): Dispatch {
  const { x, weight, bias, residual, scale, normWeight, normBias } = reads;
  const { y, mean, rstd } = writes;
  const rows = at.rows(x);
  return matrixProduct(
    at,
    { a: x, b: weight, y, bias, residual, scale, normWeight, normBias, mean, rstd },
    {
      rows,
      depth: at.axis(weight, 1),
      columns: at.axis(weight, 0),
      aByDepth: true,
      bByDepth: true,
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
  const rows = at.rows(dy);
  return matrixProduct(
    at,
    { a: dy, b: weight, y: writes.dx, scale, hidden },
    {
      rows,
      depth: at.axis(weight, 0),
      columns: at.axis(weight, 1),
      aByDepth: true,
      bByDepth: false,
      rowsPerSample: scale === undefined ? rows : rows / at.axis(scale, 0),
      parts: { SCALE: scale !== undefined, SCALE_A: scale !== undefined, GELU_SLOPE: hidden !== undefined },
    },
  );
}

/**
 * Into how many splits to divide the depth of a product. A weight's gradient has few values, and its depth is all
 * tokens of a batch: DeiT-Small's 384×384 would be 36 large tiles of depth 12,608 each at a batch of 64.
 */
export function depthSplits(
  table: TileTable,
  { rows, columns, depth }: { rows: number; columns: number; depth: number },
): number {
  return splitCount(table, tilesOf({ rows, columns }, PRODUCT_TILES.large), depth);
}

export function linearWeightGradient(
  { reads, adds }: OperationOf<"linearWeightGradient">,
  at: Operands,
  scratch: Scratch,
): Dispatch[] {
  const { dy, x, scale, mean, rstd, normWeight, normBias } = reads;
  const [outputs, inputs] = [at.axis(dy, -1), at.axis(x, -1)];
  const depth = at.rows(dy);
  const splits = depthSplits(at.tiles, { rows: outputs, columns: inputs, depth });
  const product = matrixProduct(
    at,
    { a: dy, b: x, y: adds.dWeight, rowBias: adds.dBias, scale, mean, rstd, normWeight, normBias },
    {
      rows: outputs,
      depth,
      columns: inputs,
      aByDepth: false,
      bByDepth: false,
      rowsPerSample: scale === undefined ? depth : depth / at.axis(scale, 0),
      parts: {
        ADD: splits === 1,
        ROW_BIAS: adds.dBias !== undefined,
        SCALE: scale !== undefined,
        SCALE_A: scale !== undefined,
        NORM: normWeight !== undefined,
        DEPTH_NORM: normWeight !== undefined,
        STATISTICS: mean !== undefined,
      },
    },
    splits,
  );
  if (splits === 1) return [product];
  // Rounding the depth of a split up to whole steps may leave fewer of them.
  const used = product.grid[2];
  const slices = splitSlices(scratch, used, { count: outputs * inputs, further: outputs });
  const rowBias = adds.dBias === undefined ? undefined : slices.second;
  return [
    { ...product, operands: { ...product.operands, y: slices.first, rowBias } },
    sumOfSplits(slices, used, { y: at.at(adds.dWeight), z: at.at(adds.dBias) }),
  ];
}
