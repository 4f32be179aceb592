// WebGPU matrix convolution: the kernel for matrix units equals the reference implementations in double for every kind
// of size. No software driver has units: there they are modeled, and the rounding of a GPU's own units is not tested.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { convolutionForwardClaims } from "./convolution-forward-claims.js";
import { SQUARE } from "./matrix-product-claims.js";
import { modeledUnits } from "./matrix-unit-models.js";
import { tierTolerances } from "./tier-tolerances.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const modeled = modeledUnits(SQUARE);
const found = await webgpuOrSkip(modeled.host, "matrices");
if (found) {
  convolutionForwardClaims(found, ", on modeled matrix units", tierTolerances("matrices").claims.values);

  test("convolutions whose channels are multiples of 4 used the units: with and without bias, with and without ReLU, in large tiles", () => {
    assert.is(modeled.kernels(), 4 + 2);
  });

  test.after(() => found.dispose());
  test.run();
}
