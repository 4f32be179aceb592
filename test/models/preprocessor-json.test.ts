// preprocessor_config.json: the forms in which Hugging Face has written it over the years, each as its processor in
// transformers computes it, or refused by the field's name.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { readPreprocessorJson } from "../../runtime/models/preprocessor-json.js";

const read = (fields: object, modelType?: string) =>
  readPreprocessorJson(JSON.stringify(fields), "preprocessor_config.json", modelType);

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

test("facebook/deit's file squashes to 256 and crops 224, as DeiTFeatureExtractor does", () => {
  const given = read({
    ...{ crop_size: 224, do_center_crop: true, do_normalize: true, do_resize: true, size: 256, resample: 3 },
    ...{ feature_extractor_type: "DeiTFeatureExtractor", image_mean: MEAN, image_std: STD },
  });
  const transform = { imageSize: 224, cropRatio: 0.875, cropMode: "squash", cropRounding: "down" };
  assert.equal(given, { ...transform, mean: MEAN, std: STD });
});

test("google/vit's file squashes the whole picture bilinearly, without a crop", () => {
  const given = read({
    ...{ do_normalize: true, do_rescale: true, do_resize: true, rescale_factor: 0.00392156862745098 },
    ...{ image_processor_type: "ViTImageProcessor", size: { height: 64, width: 64 }, resample: 2 },
    ...{ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
  });
  assert.equal(given, {
    ...{ imageSize: 64, cropRatio: 1, cropMode: "squash", interpolation: "bilinear" },
    ...{ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  });
});

test("without rescaling a deviation alone is kept as it is", () => {
  const { mean, std } = read({ do_rescale: false, image_std: STD });
  assert.equal([mean, std], [undefined, STD]);
});

test("what a file leaves out is its processor's default, which the model's type may choose", () => {
  const { imageSize, cropRatio, interpolation, mean } = read({
    image_processor_type: "DeiTImageProcessorFast",
  });
  assert.equal([imageSize, cropRatio, interpolation, mean], [224, 0.875, undefined, [0.5, 0.5, 0.5]]);
  assert.equal(read({}, "deit"), read({ image_processor_type: "DeiTImageProcessor" }));
  assert.equal(read({}, "vit"), read({ image_processor_type: "ViTImageProcessor" }));
  assert.equal(read({}), {});
});

test("a shortest edge keeps the picture's shape, a plain side does for CLIP", () => {
  const crop = { imageSize: 224, cropRatio: 0.875, cropRounding: "down" };
  const { imageSize, cropRatio, cropMode, cropRounding } = read({
    size: { shortest_edge: 256 },
    crop_size: 224,
  });
  assert.equal([{ imageSize, cropRatio, cropRounding }, cropMode], [crop, undefined]);
  const clip = read({
    image_processor_type: "CLIPImageProcessor",
    size: 256,
    crop_size: 224,
    do_center_crop: true,
  });
  assert.equal([clip.cropMode, clip.cropRatio], [undefined, 0.875]);
});

test("RegNet's ConvNextImageProcessor crops below 384 and squashes from there", () => {
  const type = { feature_extractor_type: "ConvNextFeatureExtractor", resample: 3 };
  const small = read({ ...type, size: 224, crop_pct: 0.95 });
  assert.equal([small.imageSize, small.cropRatio, small.cropMode], [224, 0.95, undefined]);
  const large = read({ ...type, size: { shortest_edge: 384 } });
  assert.equal([large.imageSize, large.cropRatio, large.cropMode], [384, 1, "squash"]);
});

test("every resampling filter has Pillow's number", () => {
  const names = [0, 1, 2, 3, 4, 5].map((resample) => read({ resample }).interpolation);
  assert.equal(names, ["nearest", "lanczos", "bilinear", undefined, "box", "hamming"]);
});

test("rescaling and normalization that are off, or have another factor, give the same values", () => {
  const values = (fields: object, byte: number) => {
    const { mean, std } = read({ image_mean: MEAN, image_std: STD, ...fields });
    return (byte / 255 - (mean?.[1] ?? 0)) / (std?.[1] ?? 1);
  };
  const near = (got: number, want: number) =>
    assert.ok(Math.abs(got - want) < 1e-9 * Math.abs(want), `${got}`);
  near(values({}, 77), (77 / 255 - 0.456) / 0.224);
  near(values({ do_normalize: false }, 77), 77 / 255);
  near(values({ do_rescale: false }, 77), (77 - 0.456) / 0.224);
  near(values({ do_rescale: false, do_normalize: false }, 77), 77);
  near(values({ rescale_factor: 1 / 127.5 }, 77), (77 / 127.5 - 0.456) / 0.224);
  assert.equal(read({ image_mean: 0.5, image_std: 0.25 }).mean, [0.5, 0.5, 0.5]);
});

test("the ratio reproduces the side that the file names, for every pair of sides", () => {
  for (let resized = 1; resized <= 600; resized++)
    for (const crop of [32, 64, 192, 224, 225, 384].filter(
      (side) => side <= resized && side / resized >= 0.05,
    )) {
      const { cropRatio } = read({ size: resized, crop_size: crop });
      assert.is(Math.trunc(crop / (cropRatio as number)), resized);
    }
});

test("what is not computed is refused by its field, with what is allowed", () => {
  const cases: [RegExp, object][] = [
    [
      /size is {"height":224,"width":196}; allowed: a whole number, {height, width} of a square/,
      {
        size: { height: 224, width: 196 },
      },
    ],
    [/size is {"longest_edge":224}/, { size: { longest_edge: 224 } }],
    [/size is 0; allowed: a number above 0/, { size: 0 }],
    [/crop_size is 300; allowed: at most 256/, { size: 256, crop_size: 300 }],
    [
      /do_center_crop is false; allowed: true with the size of a shortest_edge/,
      {
        ...{ size: { shortest_edge: 224 }, do_center_crop: false },
      },
    ],
    [/resample is 7; allowed: 0 \(nearest\), 1 \(lanczos\)/, { resample: 7 }],
    [/do_resize is false/, { do_resize: false }],
    [/do_pad is true; allowed: false/, { do_pad: true }],
    [/do_normalize is "no"; allowed: true, false/, { do_normalize: "no" }],
    [/image_std is \[0,0,0\]; allowed: three numbers above 0/, { image_std: [0, 0, 0] }],
    [/image_std is \[-1,1,1\]/, { image_std: [-1, 1, 1] }],
    [/image_std is .*at least 0.000001/, { image_std: [1e-308, 1, 1] }],
    [/image_mean is .*allowed: three numbers from -1000000 to 1000000/, { image_mean: [1e308, 0, 0] }],
    [/rescale_factor is 1e\+300; allowed: 0.000001 to 1000/, { rescale_factor: 1e300 }],
    [/image_mean is \[1,2\]; allowed: three numbers/, { image_mean: [1, 2] }],
    [/rescale_factor is 0; allowed: a number above 0/, { rescale_factor: 0 }],
    [
      /image_processor_type is "LevitImageProcessor"; allowed: ViTImageProcessor, DeiT/,
      {
        image_processor_type: "LevitImageProcessor",
      },
    ],
    [/image_processor_type is {"toString":1}/, { image_processor_type: { toString: 1 } }],
  ];
  for (const [expected, fields] of cases)
    try {
      read(fields);
      assert.unreachable(JSON.stringify(fields));
    } catch (error) {
      assert.ok(isVitrineError(error) && error.code === "model/config", String(error));
      assert.match((error as Error).message, expected);
    }
});

test("a file that is not a JSON object is refused", () => {
  assert.throws(() => readPreprocessorJson("[", "p.json"), /p.json: not a JSON object/);
});

test.run();
