// Hide areas: a model's input without parts of it, which get one color.

import type { EvaluationCrop, PictureArea } from "../../runtime/image/evaluation-crop.js";

/** A copy of the input, uint8 [size, size, 3], with the areas, in its own pixels, filled. */
export function hideAreas(
  pixels: Uint8Array,
  size: number,
  areas: readonly PictureArea[],
  fill: readonly number[],
): Uint8Array<ArrayBuffer> {
  const hidden = Uint8Array.from(pixels);
  const whole = (value: number) => Math.min(size, Math.max(0, Math.round(value)));
  for (const { x, y, width, height } of areas) {
    const [left, right] = [whole(x), whole(x + width)];
    for (let row = whole(y); row < whole(y + height); row++)
      for (let place = (row * size + left) * 3; place < (row * size + right) * 3; place += 3)
        hidden.set(fill, place);
  }
  return hidden;
}

/** An area of the picture → of the input that shows `crop` of the picture. */
export function toInput(area: PictureArea, { crop, shown }: EvaluationCrop): PictureArea {
  const [across, down] = [shown.width / crop.width, shown.height / crop.height];
  return {
    x: shown.x + (area.x - crop.x) * across,
    y: shown.y + (area.y - crop.y) * down,
    width: area.width * across,
    height: area.height * down,
  };
}

/** The cell of a grid of steps × steps over the input. */
export function cellOf(place: number, steps: number, size: number): PictureArea {
  const side = size / steps;
  return { x: (place % steps) * side, y: Math.floor(place / steps) * side, width: side, height: side };
}
