// Devices: images that decode workers made give the same first five classes on webgpu as on wasm.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { drawSet } from "../data/drawn-set.js";
import { webgpuOrSkip } from "../executors/webgpu-device.js";
import { makeTinyModel } from "../inference/tiny-model.js";
import { answersOn } from "./devices.js";
import { compareTopFive } from "./top-five.js";

const found = await webgpuOrSkip();
await found?.dispose();
if (found) {
  test("every image of a data set has the same first five classes", async () => {
    const [set, tiny] = [drawSet(11), makeTinyModel()];
    const options = { model: tiny.folder, data: set.path, batchSize: 4 };
    try {
      const [wasm, webgpu] = [await answersOn("wasm", options), await answersOn("webgpu", options)];
      assert.is(wasm.names.length, 11);
      assert.equal(webgpu.names, wasm.names);
      const { failures, images, decided } = compareTopFive(wasm.names, wasm.logits, webgpu.logits, 1e-4);
      assert.equal(failures, []);
      assert.ok(images === 11 && decided > 5, `${decided} of ${images}`);
    } finally {
      set.remove();
      tiny.remove();
    }
  });

  test.run();
}
