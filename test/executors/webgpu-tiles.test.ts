// WebGPU tiles: the grid of a product covers every tile of every product once, within the limits of a device's axes.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ProductTile, productGrid } from "../../runtime/executors/webgpu/product-tile.js";

const TILE: ProductTile = { PM: 4, PN: 4, WX: 8, WY: 8, STEP: 16 };
const LARGEST_AXIS = 65_535;

/** (product, tile of rows) of each workgroup in the first column, derived from its id as the kernels do. */
function tilesOf([, down, deep]: readonly [number, number, number], products: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let z = 0; z < deep; z++)
    for (let y = 0; y < down; y++) {
      const key = `${z % products} ${y + Math.floor(z / products) * down}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  return counts;
}

for (const [rows, products] of [
  [1, 1],
  [33, 3],
  [32 * LARGEST_AXIS, 1],
  [32 * LARGEST_AXIS + 1, 1],
  [32 * 3 * LARGEST_AXIS + 7, 2],
] as const)
  test(`${rows} rows of ${products} products`, () => {
    const grid = productGrid({ rows, columns: 40 }, TILE, products);
    assert.ok(Math.max(...grid) <= LARGEST_AXIS);
    assert.is(grid[0], 2);
    const tiles = tilesOf(grid, products);
    const wanted = Math.ceil(rows / 32);
    for (let product = 0; product < products; product++)
      for (let tile = 0; tile < wanted; tile += tile < 10 || tile > wanted - 10 ? 1 : 997)
        assert.is(tiles.get(`${product} ${tile}`), 1, `product ${product}, tile ${tile}`);
  });

test.run();
