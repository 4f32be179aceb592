// Product tile: the block of a matrix product that a workgroup computes, by the kind of device and the product's size.

import { foldedGrid, type Grid } from "./dispatch.js";
import type { MatrixUnits, TileTable } from "./tier.js";

/** Constants of matrix-product.wgsl: an invocation computes PM×PN values, WX×WY invocations are a workgroup. */
export type ProductTile = Readonly<Record<"PM" | "PN" | "WX" | "WY" | "STEP", number>>;

/**
 * 64 invocations with 8×8 values each read workgroup memory a quarter as often as they multiply, with 64 registers
 * for sums; with 8 KiB of workgroup memory two to four groups fit on a core of every GPU. Chosen by this arithmetic,
 * without a measurement: no GPU was available.
 */
const LARGE: ProductTile = { PM: 8, PN: 8, WX: 8, WY: 8, STEP: 16 };
/** For small products: more groups keep more cores busy. llvmpipe compiles it in a third of the time of SOFTWARE. */
const SMALL: ProductTile = { PM: 4, PN: 4, WX: 8, WY: 8, STEP: 32 };
/** Fewer groups of the large tile than this leave cores of a large GPU idle. */
const FEWEST_GROUPS = 128;

/**
 * Measured on llvmpipe (8 lanes, product 792×192·192×576, CPU time of one process): 16×8 an invocation in groups of 8×4
 * 5.4–7.2 GFLOP/s, 8×8 in 8×8 4.4, 4×4 in 16×16 2.6. There a barrier costs time per invocation, and workgroup memory
 * per read. One tile for all sizes, because llvmpipe takes a second to compile each variant of the kernel.
 */
const SOFTWARE: ProductTile = { PM: 16, PN: 8, WX: 8, WY: 4, STEP: 24 };

export const PRODUCT_TILES = { large: LARGE, small: SMALL, software: SOFTWARE } as const;

interface ProductSize {
  rows: number;
  columns: number;
}

/** `vectors`: every last axis is a multiple of 4. Otherwise the kernel is longer and the products are small. */
export function productTile(
  table: TileTable,
  { rows, columns, vectors }: ProductSize & { vectors: boolean },
): ProductTile {
  if (!vectors || table === "emulated") return SMALL;
  if (table === "software") return SOFTWARE;
  return tilesOf({ rows, columns }, LARGE) < FEWEST_GROUPS ? SMALL : LARGE;
}

/** The number of tiles that cover a product. */
export function tilesOf({ rows, columns }: ProductSize, { PM, PN, WX, WY }: ProductTile): number {
  return Math.ceil(rows / (PM * WY)) * Math.ceil(columns / (PN * WX));
}

/**
 * The grid of `products` products of one size: columns, rows, products. Rows that exceed the second axis continue
 * along the third: first the first rows of all products, then their next rows.
 */
export function productGrid(
  { rows, columns }: ProductSize,
  { PM, PN, WX, WY }: ProductTile,
  products = 1,
): Grid {
  const [down, folds] = foldedGrid(Math.ceil(rows / (PM * WY)));
  return [Math.ceil(columns / (PN * WX)), down, folds * products];
}

/**
 * Constants of subgroup-matrix-tile.wgsl: a subgroup computes PM×PN values; WX×WY subgroups and possibly idle ones
 * make up the INVOCATIONS of a workgroup.
 */
export type MatrixTile = ProductTile &
  Readonly<Record<"INVOCATIONS" | "MATRIX_ROWS" | "MATRIX_COLUMNS" | "MATRIX_DEPTH", number>>;

/** The largest workgroup that every device allows. */
const LARGEST_GROUP = 256;

/**
 * Side of the block of values that a subgroup computes. For 32×32 values it loads (32 + 32)·2 bytes of workgroup
 * memory per depth and does 2·32·32 operations with them: 16 a byte, about what the matrix units of a core do while
 * its workgroup memory delivers a byte (NVIDIA A100: 2048 to 128). They take 32 registers in a subgroup of 32, 64 in
 * one of 16. For small products 16×16 makes four times as many groups.
 *
 * Four subgroups compute 64×64 values: the tiles of 32 depths take 2·64·(32 + 8)·2 bytes, the results 4·16·16·4, the
 * statistics 64·8 and their partial sums 32·8·4 or, for a convolution, its patches 64·16: 15.5 KiB of the 16 that
 * every device has. All of this is arithmetic: these tiles have not run on a GPU yet.
 */
export const MATRIX_TILE_SIDES = { large: 32, small: 16 } as const;
const STEP = 32;

/** The tile for a product of [rows, columns] whose last axes are multiples of 4. */
export function matrixTile(
  { rows: MATRIX_ROWS, columns: MATRIX_COLUMNS, depth: MATRIX_DEPTH, largestSubgroup }: MatrixUnits,
  product: ProductSize,
): MatrixTile {
  // A workgroup is a multiple of the largest subgroup, so it has at least this many subgroups.
  const subgroups = Math.max(1, Math.min(4, Math.floor(LARGEST_GROUP / largestSubgroup)));
  const [WX, WY] = subgroups === 4 ? [2, 2] : [1, subgroups];
  const shared = { WX, WY, STEP, MATRIX_ROWS, MATRIX_COLUMNS, MATRIX_DEPTH };
  const { large, small } = MATRIX_TILE_SIDES;
  const tile = { ...shared, PM: large, PN: large, INVOCATIONS: subgroups * largestSubgroup };
  return tilesOf(product, tile) < FEWEST_GROUPS ? { ...tile, PM: small, PN: small } : tile;
}
