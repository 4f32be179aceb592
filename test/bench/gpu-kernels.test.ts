// The GPU kernels bench: a pass is split into all of its dispatches, with the arithmetic of its products in every tile.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  attentionVariants,
  dispatchKinds,
  flopsOf,
  retiled,
  variantsOf,
} from "../../bench/gpu-kernels/dispatches.js";
import { openAdapter } from "../../runtime/executors/webgpu/adapter.js";
import type { Dispatch } from "../../runtime/executors/webgpu/dispatch.js";
import { WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { matrixTile, PRODUCT_TILES, type ProductTile } from "../../runtime/executors/webgpu/product-tile.js";
import { nodeHost } from "../../runtime/host/node.js";
import { MICRO } from "../executors/micro-deit.js";
import { webgpuOrSkip } from "../executors/webgpu-device.js";
import { SYNTHETIC_REGNETY } from "../models/synthetic-regnety.js";

test("flops count a product's multiply-adds, and those of a head's scores, values and gradients", () => {
  const product: Dispatch = {
    kernel: "matrix-product",
    numbers: [10, 20, 30, 10, 0],
    operands: {},
    grid: [1, 1, 1],
  };
  assert.is(flopsOf(product), 2 * 10 * 20 * 30);
  const heads = {
    constants: { HEAD_WIDTH: 16 },
    numbers: [50, 3, 0],
    operands: {},
    grid: [1, 3, 4],
  } as const;
  const scores = 2 * 4 * 3 * 50 * 50 * 16;
  assert.is(flopsOf({ ...heads, kernel: "attention" }), 2 * scores);
  assert.is(flopsOf({ ...heads, kernel: "attention-query-gradient" }), 3 * scores);
  assert.is(flopsOf({ ...heads, kernel: "attention-key-value-gradient" }), 4 * scores);
  assert.is(flopsOf({ ...heads, kernel: "gelu" }), 0);
});

test("a convolution is a product for each of its groups, in every tile", () => {
  const [rows, depth, columns, groups] = [98, 36, 12, 3];
  const dispatch: Dispatch = {
    kernel: "conv2d",
    constants: { ...PRODUCT_TILES.small },
    numbers: [rows, depth, columns, 7, 7, 12, columns * groups, 3, 1, 1, 7, 7, 4],
    operands: {},
    grid: [1, 1, 3],
  };
  assert.is(flopsOf(dispatch), 2 * rows * depth * columns * groups);
  for (const tile of Object.values(PRODUCT_TILES)) assert.is(retiled(dispatch, tile).grid[2], groups);
});

test("a different tile computes and covers the same product", () => {
  const parts = { BIAS: 1 };
  const product: Dispatch = {
    kernel: "matrix-product",
    constants: { ...parts, ...PRODUCT_TILES.small },
    numbers: [197, 64, 130, 197, 0],
    operands: {},
    grid: [1, 1, 1],
  };
  for (const [name, tile] of Object.entries(PRODUCT_TILES) as [string, ProductTile][]) {
    const { constants, grid, numbers } = retiled(product, tile);
    assert.equal(constants, { ...parts, ...tile }, name);
    assert.is(numbers, product.numbers);
    assert.ok(grid[0] * tile.WX * tile.PN >= 130 && grid[1] * tile.WY * tile.PM >= 197, name);
  }
});

test("attention is tried in every other block size with nothing else changed; other dispatches are not", () => {
  const constants = { HEAD_WIDTH: 64, KEYS: 32 };
  const dispatch: Dispatch = { kernel: "attention", constants, numbers: [1], operands: {}, grid: [1, 1, 1] };
  const blocks = attentionVariants({ dispatch });
  assert.equal(
    blocks.map((block) => block.dispatch.constants?.KEYS),
    [8, 16, 64],
  );
  for (const block of blocks)
    assert.equal({ ...block.dispatch, constants: { ...block.dispatch.constants, KEYS: 32 } }, dispatch);
  assert.equal(attentionVariants({ dispatch: { ...dispatch, constants: {} } }), []);
});

test("a product on matrix units has the tiles for them", () => {
  const units = { rows: 16, columns: 8, depth: 16, largestSubgroup: 32 };
  const size = { rows: 197, columns: 192 };
  const dispatch: Dispatch = {
    kernel: "subgroup-matrix-product",
    constants: matrixTile(units, size),
    numbers: [size.rows, 64, size.columns, 197, 0],
    operands: {},
    grid: [1, 1, 1],
  };
  const flops = flopsOf(dispatch);
  assert.is(flops, 2 * 197 * 64 * 192);
  const kind = { operation: "linear", dispatch, shape: "", times: 1, flops, bytes: 1 };
  const variants = variantsOf(kind);
  assert.equal(
    variants.map(({ tile, chosen, dispatch: { grid } }) => [tile, chosen, grid]),
    [
      ["large", false, [3, 4, 1]],
      ["small", true, [6, 7, 1]],
    ],
  );
});

const found = await webgpuOrSkip();
await found?.dispose();
if (found)
  test("the kinds of a forward pass and of a step cover all of their dispatches, with one chosen tile for each product", async () => {
    const { device, ...opened } = await openAdapter(nodeHost());
    const executor = new WebgpuExecutor({ device, ...opened }, {});
    for (const [config, mode, least] of [
      [MICRO, "forward", 20],
      [MICRO, "train", 60],
      [SYNTHETIC_REGNETY, "forward", 20],
    ] as const) {
      const kinds = dispatchKinds({ config, batch: 2, mode }, executor, device, { tiles: "software" });
      const all = kinds.reduce((sum, { times }) => sum + times, 0);
      assert.ok(all >= least && kinds.length < all, `${mode}: ${kinds.length} kinds, ${all} dispatches`);
      for (const kind of kinds) {
        assert.ok(kind.bytes > 0, kind.operation);
        assert.is(variantsOf(kind).filter(({ chosen }) => chosen).length, 1, kind.operation);
      }
      const kernel = config === MICRO ? "attention" : "conv2d";
      assert.ok(kinds.some(({ dispatch }) => dispatch.kernel === kernel));
    }
    await executor.dispose();
  });

test.run();
