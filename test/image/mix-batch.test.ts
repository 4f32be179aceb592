// Mixing on bytes: equal to the formula, both partners from unmixed pixels, any batch size.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { MixDraw } from "../../runtime/draw/draw.js";
import { drawBatch } from "../../runtime/draw/mix.js";
import { DEIT_RECIPE, type MixMode } from "../../runtime/draw/recipe.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { mixBatch } from "../../runtime/image/mix-batch.js";
import { syntheticPicture } from "./synthetic-picture.js";

const module = await createImageModule(nodeHost());

function batchOf(count: number, size: number): Uint8Array {
  const pixels = new Uint8Array(count * size * size * 3);
  for (let b = 0; b < count; b++)
    pixels.set(syntheticPicture(module.math, b, size, size).data, b * size * size * 3);
  return pixels;
}

/** The definition, in scalar arithmetic. */
function mixed(pixels: Uint8Array, count: number, size: number, samples: readonly MixDraw[]): Uint8Array {
  const bytes = size * size * 3;
  return pixels.map((own, at) => {
    const b = Math.floor(at / bytes);
    const other = pixels[(count - 1 - b) * bytes + (at % bytes)] as number;
    const { kind, lambda, box } = samples[b] as MixDraw;
    if (kind === "mixup") return Math.floor(lambda * own + (1 - lambda) * other + 0.5);
    if (kind === "none" || box === null) return own;
    const pixel = Math.floor((at % bytes) / 3);
    const row = Math.floor(pixel / size) - box.top;
    const column = (pixel % size) - box.left;
    return row >= 0 && row < box.height && column >= 0 && column < box.width ? other : own;
  });
}

test("all three modes equal the definition, for even and odd batches, SIMD and scalar", () => {
  for (const mixMode of ["batch", "pair", "elem"] as MixMode[])
    for (const count of [1, 2, 5, 8])
      for (let round = 0; round < 6; round++) {
        const size = 9 + 2 * round;
        const key = { seed: 1, epoch: 0, index: round * 10 + count, repeat: 0 };
        const draw = drawBatch(module.math, key, count, {
          ...DEIT_RECIPE,
          size,
          mixMode,
          mixProbability: 0.8,
        });
        const before = batchOf(count, size);
        const expected = mixed(before, count, size, draw.samples);
        for (const scalar of [false, true]) {
          const pixels = Uint8Array.from(before);
          mixBatch(module, pixels, count, size, draw, { scalar });
          assert.is(Buffer.compare(pixels, expected), 0, `${mixMode} ${count} ${size} scalar ${scalar}`);
        }
      }
});

test("every pair of bytes blends as defined at values of λ with frequent ties", () => {
  const size = 148;
  const bytes = size * size * 3;
  const before = new Uint8Array(2 * bytes);
  for (let at = 0; at < bytes; at++) {
    before[at] = at & 255;
    before[bytes + at] = (at >> 8) & 255;
  }
  for (const lambda of [0, 0.1, 0.3, 0.35, 0.5, 0.7, 0.9, 1 - 2 ** -53]) {
    const samples: MixDraw[] = [
      { kind: "mixup", lambda, box: null },
      { kind: "mixup", lambda, box: null },
    ];
    const pixels = Uint8Array.from(before);
    mixBatch(module, pixels, 2, size, { samples });
    assert.is(Buffer.compare(pixels, mixed(before, 2, size, samples)), 0, `λ ${lambda}`);
  }
});

test("a batch larger than one call takes gives the same bytes", () => {
  // An image has 17 MB, so that one pair fits a call.
  const size = 2_400;
  const count = 6;
  const bytes = size * size * 3;
  const pixels = new Uint8Array(count * bytes);
  for (let b = 0; b < count; b++) pixels.fill(10 * b, b * bytes, (b + 1) * bytes);
  const samples = Array.from({ length: count }, (): MixDraw => ({ kind: "mixup", lambda: 0.25, box: null }));
  mixBatch(module, pixels, count, size, { samples });
  for (let b = 0; b < count; b++) {
    const expected = Math.floor(0.25 * 10 * b + 0.75 * 10 * (count - 1 - b) + 0.5);
    assert.ok(
      pixels.subarray(b * bytes, (b + 1) * bytes).every((byte) => byte === expected),
      `image ${b}`,
    );
  }
});

test("draws that do not fit the batch are refused before a byte changes", () => {
  const before = batchOf(2, 10);
  const mixup: MixDraw = { kind: "mixup", lambda: 0.5, box: null };
  const attempts: MixDraw[][] = [
    [mixup],
    [mixup, { kind: "cutmix", lambda: 0.5, box: { top: 5, left: 0, height: 6, width: 2 } }],
    [mixup, { kind: "cutmix", lambda: 0.5, box: null }],
    [mixup, { ...mixup, lambda: 1.5 }],
    [mixup, { ...mixup, lambda: Number.NaN }],
  ];
  for (const samples of attempts) {
    const pixels = Uint8Array.from(before);
    assert.throws(
      () => mixBatch(module, pixels, 2, 10, { samples }),
      (error: unknown) => isVitrineError(error) && error.code === "image/bad-argument",
    );
    assert.is(Buffer.compare(pixels, before), 0);
  }
  assert.throws(
    () => mixBatch(module, before.subarray(1), 2, 10, { samples: [mixup, mixup] }),
    /need 600 bytes/,
  );
});

test.run();
