// Matrix tiles: how much of a product a workgroup and a subgroup make where the matrix units multiply.

import type { MatrixUnits } from "./tier.js";
import { FEWEST_GROUPS, type ProductTile, tilesOf } from "./tiles.js";

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
