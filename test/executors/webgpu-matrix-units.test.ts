// WebGPU matrix units: the kernel for matrix units with the sizes that GPUs are known to have, and with subgroups
// smaller than the largest, so that some are idle.

import { test } from "uvu";
import { fusedProducts } from "./linear-products.js";
import { assertSameProducts, plainOrSkip, SQUARE, UNEVEN } from "./matrix-product-claims.js";
import type { ModeledUnits } from "./matrix-unit-models.js";

/** Besides matrices of 16×16×16 in subgroups of 32. */
const UNITS: Readonly<Record<string, ModeledUnits>> = {
  "16×8×16, subgroups of 64": { rows: 16, columns: 8, depth: 16, largestSubgroup: 64, subgroup: 64 },
  "8×8×8": { rows: 8, columns: 8, depth: 8, largestSubgroup: 32, subgroup: 32 },
  "8×16×16, subgroups of 16 of at most 32": {
    ...{ rows: 8, columns: 16, depth: 16, largestSubgroup: 32, subgroup: 16 },
  },
  "16×16×16, subgroups of 32 of at most 128": { ...SQUARE, largestSubgroup: 128 },
};

const plain = await plainOrSkip();
if (plain) {
  for (const [what, units] of Object.entries(UNITS))
    test(`with matrices of ${what} the three products with the most fused parts equal the plain kernel's`, async () => {
      await assertSameProducts(plain, units, [fusedProducts(UNEVEN)], 3);
    });

  test.after(() => plain.dispose());
  test.run();
}
