// preprocessor_config.json: the forms in which Hugging Face has written it over the years.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { readPreprocessorJson } from "../../runtime/models/preprocessor-json.js";

const read = (fields: object) => readPreprocessorJson(JSON.stringify(fields), "preprocessor_config.json");

test("facebook/deit's file gives DeiT's crop and ImageNet's normalization", () => {
  const [image_mean, image_std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  const given = read({
    crop_size: 224,
    do_center_crop: true,
    do_normalize: true,
    image_mean,
    image_std,
    size: 256,
  });
  assert.equal(given, { mean: image_mean, std: image_std, cropRatio: 0.875 });
});

test("sides may be objects, and a model without a center crop keeps the whole short side", () => {
  const crop_size = { height: 224, width: 224 };
  assert.equal(read({ size: { shortest_edge: 256 }, crop_size }), { cropRatio: 0.875 });
  assert.equal(read({ size: { height: 224, width: 224 }, do_center_crop: false }), { cropRatio: 1 });
  assert.equal(read({ size: { height: 224, width: 196 }, crop_size }), {});
});

test("the ratio reproduces the side that the file names, for every pair of sides", () => {
  for (let resized = 1; resized <= 600; resized++)
    for (const crop of [32, 64, 192, 224, 225, 384]) {
      const { cropRatio } = read({ size: resized, crop_size: crop });
      if (crop <= resized) assert.is(Math.trunc(crop / (cropRatio as number)), resized);
      else assert.is(cropRatio, undefined);
    }
});

test("a file that is not a JSON object is refused", () => {
  assert.throws(() => readPreprocessorJson("[", "p.json"), /p.json: not a JSON object/);
});

test.run();
