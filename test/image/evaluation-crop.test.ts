// Evaluation crop: the part of a picture that is named is the part that the input shows.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeHost } from "../../runtime/host/node.js";
import { evaluationCrop } from "../../runtime/image/evaluation-crop.js";
import { evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import type { InputTransform } from "../../runtime/image/input-transform.js";
import { resize } from "../../runtime/image/resize.js";
import { syntheticPicture } from "./synthetic-picture.js";

const module = await createImageModule(nodeHost());
const SIZES = [
  [60, 44],
  [44, 61],
  [36, 36],
  [301, 40],
  [20, 90],
] as const;

/** The input made from the named part alone: a resize of that box, put where the input shows it. */
function inputOfCrop(picture: ReturnType<typeof syntheticPicture>, transform: InputTransform): Uint8Array {
  const { size, borderColor = [0, 0, 0] } = transform;
  const { crop, shown } = evaluationCrop(picture, transform);
  const box = { left: crop.x, top: crop.y, right: crop.x + crop.width, bottom: crop.y + crop.height };
  const part = resize(module, picture, { width: shown.width, height: shown.height, box });
  const input = new Uint8Array(size * size * 3);
  for (let place = 0; place < input.length; place++) input[place] = borderColor[place % 3] as number;
  for (let row = 0; row < shown.height; row++)
    input.set(
      part.data.subarray(row * shown.width * 3, (row + 1) * shown.width * 3),
      ((shown.y + row) * size + shown.x) * 3,
    );
  return input;
}

for (const cropMode of ["center", "squash", "border"] as const)
  test(`${cropMode}: a resize of the named part alone is the input, but for rounding`, () => {
    for (const [width, height] of SIZES)
      for (const cropRatio of [0.875, 1, 0.5])
        for (const cropRounding of ["even", "down"] as const) {
          const picture = syntheticPicture(module.math, 3, width, height);
          const transform = {
            size: 31,
            cropRatio,
            cropMode,
            cropRounding,
            borderColor: [9, 99, 199],
          } as const;
          const got = inputOfCrop(picture, transform);
          const wanted = evaluationInputOfPixels(module, picture, transform);
          const most = wanted.reduce(
            (most, value, i) => Math.max(most, Math.abs(value - (got[i] as number))),
            0,
          );
          assert.ok(most <= 2, `${width}×${height}, ratio ${cropRatio}, ${cropRounding}: differs by ${most}`);
        }
  });

test("the part is inside the picture, and all of it where nothing is cropped", () => {
  for (const [width, height] of SIZES) {
    const { crop } = evaluationCrop({ width, height }, { size: 32 });
    assert.ok(crop.x >= 0 && crop.y >= 0);
    assert.ok(crop.x + crop.width <= width + 1e-9 && crop.y + crop.height <= height + 1e-9);
    const { crop: all } = evaluationCrop({ width, height }, { size: 32, cropRatio: 1, cropMode: "squash" });
    assert.equal(all, { x: 0, y: 0, width, height });
  }
});

test.run();
