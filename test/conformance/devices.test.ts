// Devices: images that decode threads made give the same first five classes on webgpu as on wasm.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createDataSet } from "../data/synthetic-data-set.js";
import { tierTolerances } from "../executors/tier-tolerances.js";
import { webgpuOrSkip } from "../executors/webgpu-device.js";
import { makeTinyModel } from "../inference/tiny-model.js";
import { answersOn } from "./devices.js";
import { compareTopFive } from "./top-five.js";

for (const tier of ["float32", "float16"] as const) {
  const found = await webgpuOrSkip(undefined, tier);
  await found?.dispose();
  if (!found) continue;
  test(`${tier}: every image of a data set has the same first five classes`, async () => {
    const [set, tiny] = [createDataSet(11), makeTinyModel()];
    const options = { model: tiny.folder, data: set.path, batchSize: 4, gpuTier: tier };
    // The model's logits are a tenth of a trained one's.
    const tolerance = tierTolerances(tier).logits / 10;
    try {
      const [wasm, webgpu] = [await answersOn("wasm", options), await answersOn("webgpu", options)];
      assert.equal([wasm.tier, webgpu.tier], [undefined, tier]);
      assert.is(wasm.names.length, 11);
      assert.equal(webgpu.names, wasm.names);
      const agreement = compareTopFive(wasm.names, wasm.logits, webgpu.logits, tolerance);
      assert.equal(agreement.failures, []);
      const { images, decided } = agreement;
      assert.ok(images === 11 && decided > 5, `${decided} of ${images}`);
    } finally {
      set.remove();
      tiny.remove();
    }
  });
}

test.run();
