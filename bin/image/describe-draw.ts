// Describe draw: a sample's draw in a few words a line, as captions and people need it.

import type { AugmentOperation, SampleDraw } from "../../runtime/draw/draw.js";
import type { ImageSize } from "../../runtime/draw/random-resized-crop.js";

const percent = (share: number): string => `${Math.round(100 * share)}%`;
const signed = (number: number, text: string): string => (number < 0 ? `-${text}` : `+${text}`);

/** `Posterize 3 bits`, `Rotate -27°`. How the argument came about is timm's business, not the reader's. */
export function describeOperation({ name, argument }: AugmentOperation): string {
  const plain = name.replace(/(Increasing|Original|Rel)$/, "");
  switch (plain) {
    case "Rotate":
      return `Rotate ${signed(argument, `${Math.abs(argument).toFixed(0)}°`)}`;
    case "Posterize":
      return `Posterize ${argument} ${argument === 1 ? "bit" : "bits"}`;
    case "Solarize":
      return `Solarize at ${argument}`;
    case "SolarizeAdd":
      return `SolarizeAdd +${argument}`;
    case "ShearX":
    case "ShearY":
      return `${plain} ${signed(argument, Math.abs(argument).toFixed(2))}`;
    case "TranslateX":
    case "TranslateY":
      return `${plain} ${signed(argument, percent(Math.abs(argument)))}`;
    case "Brightness":
    case "Contrast":
    case "Color":
    case "Sharpness":
      return `${plain} ×${argument.toFixed(2)}`;
    case "GaussianBlur":
      return `Blur ${argument.toFixed(2)} px`;
    default:
      return plain;
  }
}

/** Crop and flip, then an operation a line, then what is erased. `size`: side of the result in pixels. */
export function describeDraw(draw: SampleDraw, image: ImageSize, size: number): string[] {
  const { crop, flip, filter, operations, erase } = draw;
  const share = (crop.width * crop.height) / (image.width * image.height);
  const first = [`crop ${percent(share)}`, flip ? "flip" : "", filter === "bilinear" ? "bilin" : ""];
  const erased = erase.reduce((sum, box) => sum + box.width * box.height, 0) / size ** 2;
  return [
    first.filter(Boolean).join(" "),
    ...operations.map(describeOperation),
    ...(erase.length > 0 ? [`erase ${percent(erased)}`] : []),
  ];
}
