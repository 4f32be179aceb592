// JPEG kernels: SIMD IDCT and color conversion equal their scalar references bit for bit, in both builds.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Region } from "../../assembly/image/contract.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { generator } from "./jpeg-fixtures.js";

/** Natural index of each zigzag position, from the standard's figure. */
const ZIGZAG: number[] = Array.from({ length: 15 }, (_, d) => {
  const cells = Array.from({ length: 8 }, (_, y) => [y, d - y] as const).filter(([, x]) => x >= 0 && x < 8);
  return (d % 2 === 0 ? cells.reverse() : cells).map(([y, x]) => y * 8 + x);
}).flat();

for (const relaxed of [false, true]) {
  const module = await createImageModule(nodeHost(), { relaxed });
  const build = relaxed ? "relaxed" : "plain";

  /** One block by the SIMD and by the scalar IDCT, u8 [64] each. */
  function transforms(block: Int16Array, multipliers: Int16Array, last: number): [Uint8Array, Uint8Array] {
    return module.run(undefined, (call) => {
      const base = call.reserve(Region.Scratch, 1024);
      const view = call.view(Region.Scratch, 1024);
      view.set(new Uint8Array(block.buffer), 0);
      view.set(new Uint8Array(multipliers.buffer), 128);
      call.exports.testInverseTransform(0, base, base + 128, base + 512, last);
      call.exports.testInverseTransform(1, base, base + 128, base + 768, last);
      return [view.slice(512, 576), view.slice(768, 832)];
    });
  }

  for (const last of [0, 1, 2, 5, 9, 10, 20, 35, 63]) {
    test(`${build}: the IDCT equals its scalar reference with coefficients up to zigzag position ${last}`, () => {
      const next = generator(last + 1);
      let varied = 0;
      for (let round = 0; round < 1000; round++) {
        const block = new Int16Array(64);
        const multipliers = Int16Array.from({ length: 64 }, () => (next() % 40) + 1);
        // Dequantized values beyond ±2,000 cannot come from pictures; within that range, sums fit 16 bits.
        for (let k = 0; k <= last; k++) {
          const bound = Math.floor(2000 / multipliers[ZIGZAG[k]] / (k < 4 ? 1 : 4));
          if (next() % 3 > 0) block[ZIGZAG[k]] = (next() % (2 * bound + 1)) - bound;
        }
        const [simd, scalar] = transforms(block, multipliers, last);
        assert.equal(simd, scalar);
        if (new Set(scalar).size > Math.min(last, 1)) varied++;
      }
      assert.ok(varied > 500, "the blocks were not all flat");
    });
  }

  test(`${build}: the color conversion equals libjpeg's tables for every Y, Cb, Cr in steps and every Cb, Cr pair`, () => {
    module.run(undefined, (call) => {
      const width = 256;
      const base = call.reserve(Region.Scratch, 8192);
      const view = call.view(Region.Scratch, 8192);
      const out = 1024;
      for (let cr = 0; cr < 256; cr++) {
        for (const luma of [0, 37, 128, 201, 255]) {
          for (let x = 0; x < width; x++) {
            view[x] = luma;
            view[256 + x] = x;
            view[512 + x] = cr;
          }
          call.exports.testColor(0, base, base + 256, base + 512, base + out, width);
          call.exports.testColor(1, base, base + 256, base + 512, base + 4096, width);
          assert.ok(Buffer.compare(view.subarray(out, out + 768), view.subarray(4096, 4864)) === 0);
        }
      }
    });
  });

  test(`${build}: the color conversion equals its scalar reference at every width from 1 to 40`, () => {
    const next = generator(5);
    module.run(undefined, (call) => {
      const base = call.reserve(Region.Scratch, 8192);
      const view = call.view(Region.Scratch, 8192);
      for (let i = 0; i < 1024; i++) view[i] = next() & 255;
      for (let width = 1; width <= 40; width++) {
        call.exports.testColor(0, base, base + 256, base + 512, base + 1024, width);
        call.exports.testColor(1, base, base + 256, base + 512, base + 4096, width);
        assert.equal(view.slice(1024, 1024 + 3 * width), view.slice(4096, 4096 + 3 * width));
      }
    });
  });

  test(`${build}: fused upsampling and color equal the separate steps, for every number of samples`, () => {
    const next = generator(6);
    module.run(undefined, (call) => {
      const base = call.reserve(Region.Scratch, 8192);
      const view = call.view(Region.Scratch, 8192);
      for (let round = 0; round < 8; round++) {
        // Full-range contrast in every other round.
        for (let i = 0; i < 640; i++) view[i] = round & 1 ? next() & 255 : 255 * (next() & 1);
        for (let count = 1; count <= 32; count++) {
          call.exports.testUpsampleColor(0, base, base + 1024, count, base + 4096);
          call.exports.testUpsampleColor(1, base, base + 2048, count, base + 4096);
          assert.equal(view.slice(1024, 1024 + 6 * count), view.slice(2048, 2048 + 6 * count));
        }
      }
    });
  });
}

test.run();
