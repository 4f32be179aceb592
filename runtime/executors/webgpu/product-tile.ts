// Tiles: how much of a matrix product a workgroup and an invocation make, by the kind of device and the product's size.

import { foldedGrid, type Grid } from "./dispatch.js";
import type { MatrixUnits } from "./tier.js";

/** Constants of matrix-product.wgsl: an invocation makes PM×PN values, WX×WY of them are a workgroup. */
export type ProductTile = Readonly<Record<"PM" | "PN" | "WX" | "WY" | "STEP", number>>;

/** Kinds of devices with tiles of their own; `emulated` is a software device on a tier that is no gain there. */
export type TileTable = "gpu" | "software" | "emulated";

export function tileTable(software: boolean, half: boolean): TileTable {
  if (!software) return "gpu";
  return half ? "emulated" : "software";
}

/**
 * 64 invocations with 8×8 values each read workgroup memory four times as seldom as they multiply, with 64 registers for
 * sums; with 8 KiB of workgroup memory two to four groups fit on a core of every GPU. Chosen by that arithmetic: no GPU
 * was at hand to measure on.
 */
const LARGE: ProductTile = { PM: 8, PN: 8, WX: 8, WY: 8, STEP: 16 };
/** Where a product has few values, more groups keep more cores busy. llvmpipe compiles it in a third of the time of its own. */
const SMALL: ProductTile = { PM: 4, PN: 4, WX: 8, WY: 8, STEP: 32 };
/** Fewer groups of the large tile than this leave cores of a large GPU idle. */
export const FEWEST_GROUPS = 128;

/**
 * Measured on llvmpipe (8 lanes, product 792×192·192×576, one process's CPU time): 16×8 an invocation and 8×4 of them
 * 5.4–7.2 GFLOP/s, 8×8 with 8×8 4.4, 4×4 with 16×16 2.6. Its barriers cost by invocations and its workgroup memory by reads.
 * One tile for all sizes: llvmpipe compiles each variant of the kernel for a second.
 */
const SOFTWARE: ProductTile = { PM: 16, PN: 8, WX: 8, WY: 4, STEP: 24 };

/** By name, for benches. */
export const PRODUCT_TILES: Readonly<Record<string, ProductTile>> = {
  large: LARGE,
  small: SMALL,
  software: SOFTWARE,
};

/** `vectors`: every last axis is a multiple of 4; the kernel is longer where that is not so, and the products are small. */
export function productTile(
  table: TileTable,
  { rows, columns, vectors }: { rows: number; columns: number; vectors: boolean },
): ProductTile {
  if (!vectors || table === "emulated") return SMALL;
  if (table === "software") return SOFTWARE;
  return tilesOf({ rows, columns }, LARGE) < FEWEST_GROUPS ? SMALL : LARGE;
}

/** How many tiles cover a product. */
export function tilesOf(
  { rows, columns }: { rows: number; columns: number },
  { PM, PN, WX, WY }: ProductTile,
): number {
  return Math.ceil(rows / (PM * WY)) * Math.ceil(columns / (PN * WX));
}

/** Workgroups that keep a large GPU busy: four on each of 128 cores. */
const ENOUGH_GROUPS = 512;
/** A share of fewer values costs more to write and add up than its workgroup saves. */
const SMALLEST_SHARE = 256;

/**
 * In how many shares sums of `length` values each are cut, where `groups` workgroups would make them whole. On a processor a
 * workgroup keeps a core as busy as any number.
 */
export function shareCount(table: TileTable, groups: number, length: number): number {
  if (table !== "gpu") return 1;
  return Math.max(1, Math.min(Math.ceil(ENOUGH_GROUPS / groups), Math.floor(length / SMALLEST_SHARE)));
}

/**
 * In how many shares the depth of a product is cut. A weight's gradient has few values and all the tokens of a batch for its
 * depth: DeiT-Small's 384×384 would be 36 large tiles of 12,608 depths each at a batch of 64.
 */
export function depthShares(
  table: TileTable,
  { rows, columns, depth }: { rows: number; columns: number; depth: number },
): number {
  return shareCount(table, tilesOf({ rows, columns }, LARGE), depth);
}

/**
 * The grid of `products` products of one size in these tiles: columns, rows, products. Rows that the second axis has no place
 * for go on along the third, all products' first rows before their second.
 */
export function productGrid(
  { rows, columns }: { rows: number; columns: number },
  { PM, PN, WX, WY }: ProductTile,
  products = 1,
): Grid {
  const [down, folds] = foldedGrid(Math.ceil(rows / (PM * WY)));
  return [Math.ceil(columns / (PN * WX)), down, folds * products];
}

// Matrix tiles: how much of a product a workgroup and a subgroup make where the matrix units multiply.

/**
 * Constants of subgroup-matrix-tile.wgsl: a subgroup makes PM×PN values, WX×WY of them and perhaps idle ones are the
 * INVOCATIONS of a workgroup.
 */
export type MatrixTile = ProductTile &
  Readonly<Record<"INVOCATIONS" | "MATRIX_ROWS" | "MATRIX_COLUMNS" | "MATRIX_DEPTH", number>>;

/** Every device's largest workgroup. */
const LARGEST_GROUP = 256;

/**
 * Values along a side of what a subgroup makes. For 32×32 of them it loads (32 + 32)·2 bytes of workgroup memory a depth and
 * does 2·32·32 operations with them: 16 a byte, about what the matrix units of a core do while its workgroup memory
 * delivers a byte (NVIDIA A100: 2048 to 128). They take 32 registers in a subgroup of 32, 64 in one of 16. Where a product
 * has few values, 16×16 make four times as many groups.
 *
 * Four subgroups make 64×64 values: the tiles of 32 depths take 2·64·(32 + 8)·2 bytes, the results 4·16·16·4, the
 * statistics 64·8 and their shares 32·8·4 or, of a convolution, its patches 64·16: 15.5 KiB of the 16 that every device has.
 * All of it is arithmetic: no GPU has run these tiles.
 */
export const MATRIX_TILE_SIDES = { large: 32, small: 16 } as const;
const STEP = 32;

/** The tile for a product of [rows, columns]; its last axes are multiples of 4. */
export function matrixTile(
  { rows: MATRIX_ROWS, columns: MATRIX_COLUMNS, depth: MATRIX_DEPTH, largestSubgroup }: MatrixUnits,
  product: { rows: number; columns: number },
): MatrixTile {
  // A workgroup is a multiple of the largest subgroup, so it has as many subgroups as this or more.
  const subgroups = Math.max(1, Math.min(4, Math.floor(LARGEST_GROUP / largestSubgroup)));
  const [WX, WY] = subgroups === 4 ? [2, 2] : [1, subgroups];
  const shared = { WX, WY, STEP, MATRIX_ROWS, MATRIX_COLUMNS, MATRIX_DEPTH };
  const { large, small } = MATRIX_TILE_SIDES;
  const tile = { ...shared, PM: large, PN: large, INVOCATIONS: subgroups * largestSubgroup };
  return tilesOf(product, tile) < FEWEST_GROUPS ? { ...tile, PM: small, PN: small } : tile;
}
