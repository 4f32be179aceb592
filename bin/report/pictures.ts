// Pictures: small JPEG files inside the page, up to a limit for all of them together.

import type { ImageModule } from "../../runtime/image/image-module.js";
import { type RgbImage, resize } from "../../runtime/image/resize.js";
import type { AttentionMap } from "../../runtime/inference/attention-rollout.js";
import { encodeRgbJpeg } from "../image/write-picture.js";
import { Html, html } from "./html.js";

/** Side of an embedded picture; larger inputs are scaled down. */
const LARGEST_SIDE = 160;
const QUALITY = 82;
/** Of base64 text. A page of this size opens on a phone and goes through mail. */
const PICTURE_BYTES = 4 * 2 ** 20;

/**
 * The picture where attention is high, dimmed elsewhere: brightness, unlike a color, hides nothing of the picture and
 * is seen by everyone. `map` [grid, grid] is scaled to the picture with Pillow's bilinear filter.
 */
function spotlight(module: ImageModule, image: RgbImage, map: AttentionMap): RgbImage {
  const { grid, values } = map;
  const largest = values.reduce((a, b) => Math.max(a, b), 0);
  const least = values.reduce((a, b) => Math.min(a, b), largest);
  const range = largest - least || 1;
  const gray = new Uint8Array(grid * grid * 3);
  for (const [index, value] of values.entries())
    gray.fill(Math.round((255 * (value - least)) / range), 3 * index, 3 * index + 3);
  const { width, height } = image;
  const mask = resize(
    module,
    { width: grid, height: grid, data: gray },
    { width, height, filter: "bilinear" },
  );
  const data = image.data.map((value, index) => Math.round(value * (0.15 + (0.85 * mask.data[index]) / 255)));
  return { width, height, data };
}

/** Makes `<img>` elements until the limit is reached. */
export class PictureBudget {
  readonly #module: ImageModule;
  #left: number;
  /** Pictures that were left out. */
  omitted = 0;

  constructor(module: ImageModule, bytes: number = PICTURE_BYTES) {
    this.#module = module;
    this.#left = bytes;
  }

  /** Null where the picture would exceed the limit. */
  async image(picture: RgbImage, description: string): Promise<Html | null> {
    const side = Math.max(picture.width, picture.height);
    const scale = Math.min(1, LARGEST_SIDE / side);
    const width = Math.max(1, Math.round(picture.width * scale));
    const height = Math.max(1, Math.round(picture.height * scale));
    const small = scale === 1 ? picture : resize(this.#module, picture, { width, height });
    const base64 = Buffer.from(await encodeRgbJpeg(small, QUALITY)).toString("base64");
    if (base64.length > this.#left) {
      this.omitted++;
      return null;
    }
    this.#left -= base64.length;
    const source = new Html(`data:image/jpeg;base64,${base64}`);
    return html`<img src="${source}" width="${width}" height="${height}" alt="${description}">`;
  }

  /** The picture with its attention. */
  async attention(picture: RgbImage, map: AttentionMap, description: string): Promise<Html | null> {
    return this.image(spotlight(this.#module, picture, map), description);
  }
}
