// WebGPU matrix tiles: for every size of matrix units a tile consists of whole matrices and fits every device.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type MatrixTile, matrixTile } from "../../runtime/executors/webgpu/product-tile.js";
import { offeredTiers } from "../../runtime/executors/webgpu/tier.js";

const FEATURES = ["shader-f16", "subgroups", "chromium-experimental-subgroup-matrix"];
const SIZES = [4, 8, 16, 32, 64];
const SUBGROUPS = [4, 8, 16, 32, 64, 128];
const PRODUCTS = { few: { rows: 394, columns: 192 }, many: { rows: 25_216, columns: 1536 } };
/** WebGPU's smallest limits. */
const [WORKGROUP_BYTES, WORKGROUP_INVOCATIONS] = [16_384, 256];

/** Bytes of workgroup memory of subgroup-matrix-tile.wgsl, for any order of axes, with a norm before the product. */
function workgroupBytes({ PM, PN, WX, WY, STEP, MATRIX_ROWS, MATRIX_COLUMNS }: MatrixTile): number {
  const [rows, columns] = [PM * WY, PN * WX];
  const lines = (length: number) => Math.max(length * (STEP + 8), STEP * (length + 8)) * 2;
  const results = WX * WY * MATRIX_ROWS * MATRIX_COLUMNS * 4;
  const statistics = rows * 8 + Math.min(32, rows) * 8 * 4;
  return lines(rows) + lines(columns) + results + statistics;
}

/** Of all possible units, those that the tier accepts. */
const UNITS = SIZES.flatMap((M) =>
  SIZES.flatMap((N) =>
    SIZES.flatMap((K) =>
      SUBGROUPS.flatMap((largestSubgroup) => {
        const config = { componentType: "f16", resultComponentType: "f32", M, N, K };
        const [tier] = offeredTiers({
          features: FEATURES,
          subgroupMatrices: [config],
          largestSubgroup,
        }).slice(3);
        return tier?.matrix ?? [];
      }),
    ),
  ),
);

test("units of 8 and 16 rows and columns and up to 32 depths are accepted, with subgroups of every size", () => {
  assert.is(UNITS.length, 2 * 2 * 3 * SUBGROUPS.length);
});

for (const [what, product] of Object.entries(PRODUCTS))
  test(`with ${what} values a workgroup has whole matrices, subgroups for all of them, and at most 16 KiB`, () => {
    for (const units of UNITS) {
      const tile = matrixTile(units, product);
      const { PM, PN, WX, WY, STEP, INVOCATIONS } = tile;
      const label = JSON.stringify(units);
      assert.is(PM % units.rows, 0, label);
      assert.is(PN % units.columns, 0, label);
      assert.is(STEP % units.depth, 0, label);
      assert.is(INVOCATIONS % units.largestSubgroup, 0, label);
      assert.ok(INVOCATIONS <= WORKGROUP_INVOCATIONS, label);
      assert.is(INVOCATIONS / units.largestSubgroup, WX * WY, label);
      // The invocations that add up a row bias.
      assert.ok((PM * WY) / 4 <= INVOCATIONS, label);
      assert.ok(workgroupBytes(tile) <= WORKGROUP_BYTES, `${label}: ${workgroupBytes(tile)} bytes`);
    }
  });

test("a product of many values has the large tile, one of few the small one", () => {
  const units = { rows: 16, columns: 16, depth: 16, largestSubgroup: 32 };
  assert.is(matrixTile(units, PRODUCTS.few).PM, 16);
  assert.is(matrixTile(units, PRODUCTS.many).PM, 32);
});

test.run();
