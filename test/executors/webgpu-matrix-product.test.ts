// WebGPU matrix product: the kernel for matrix units with every part that DeiT fuses into a product, for uneven sizes,
// tiny ones and large tiles.

import { test } from "uvu";
import { allProducts, type ProductSizes, plainProducts, weightGradient } from "./linear-products.js";
import { assertSameProducts, plainOrSkip, SQUARE, UNEVEN } from "./matrix-product-claims.js";

const TINY: ProductSizes = { batch: 1, tokens: 2, inputs: 4, outputs: 4 };

/** Enough tiles of 64×64 for the large one, and the smallest possible depth. */
const LARGE = {
  forward: { batch: 1, tokens: 710, inputs: 12, outputs: 724 },
  inputGradient: { batch: 1, tokens: 710, inputs: 724, outputs: 12 },
  weightGradient: { batch: 1, tokens: 14, inputs: 724, outputs: 708 },
};

/** Splits of the depth end inside a sample. */
const LONG: ProductSizes = { batch: 3, tokens: 277, inputs: 20, outputs: 12 };

const plain = await plainOrSkip();
if (plain) {
  test("products of uneven and of tiny sizes equal the plain kernel's", async () => {
    await assertSameProducts(plain, SQUARE, [UNEVEN, TINY].map(allProducts), 9);
  });

  test("products with tiles of 64×64 equal the plain kernel's", async () => {
    await assertSameProducts(plain, SQUARE, [plainProducts(LARGE)], 3);
  });

  test("a weight's gradient with a split depth equals the plain kernel's", async () => {
    await assertSameProducts(plain, SQUARE, [weightGradient(LONG)], 1);
  });

  test.after(() => plain.dispose());
  test.run();
}
