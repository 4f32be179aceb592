// Contact sheet: augmented samples of a photo in a grid, each with its augmentation as a caption.

import type { AugmentOperation, SampleDraw } from "../../runtime/draw/draw.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import type { ImageSize } from "../../runtime/draw/sample.js";
import { drawSample } from "../../runtime/draw/sample.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { type RgbImage, resize } from "../../runtime/image/resize.js";
import { trainingInputOfPixels } from "../../runtime/image/training-input.js";
import { Canvas, type Color } from "./canvas.js";

export interface SheetOptions {
  recipe: AugmentationRecipe;
  seed: number;
  epoch: number;
  columns: number;
  rows: number;
}

interface Tile {
  picture: RgbImage;
  lines: string[];
}

const BACKGROUND: Color = [250, 250, 248];
const INK: Color = [40, 40, 44];
const PALE: Color = [232, 232, 228];
/** Pixels around a tile, and between two lines of text. */
const MARGIN = 14;
const LINE = 19;

const percent = (fraction: number): string => `${Math.round(100 * fraction)}%`;
const signed = (number: number, text: string): string => (number < 0 ? `-${text}` : `+${text}`);

/** `Posterize 3 bits`, `Rotate -27°`: the argument that was applied, not the magnitude it came from. */
function describeOperation({ name, argument }: AugmentOperation): string {
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

/** Crop and flip, then one operation per line, then the erased area. `size`: side of the result in pixels. */
export function describeDraw(draw: SampleDraw, image: ImageSize, size: number): string[] {
  const { crop, window, flip, filter, operations, erase } = draw;
  const visible = window ? size ** 2 / (window.width * window.height) : 1;
  const area = (visible * (crop.width * crop.height)) / (image.width * image.height);
  const first = [`crop ${percent(area)}`, flip ? "flip" : "", filter === "bilinear" ? "bilin" : ""];
  const erased = erase.reduce((sum, box) => sum + box.width * box.height, 0) / size ** 2;
  return [
    first.filter(Boolean).join(" "),
    ...operations.map(describeOperation),
    ...(erase.length > 0 ? [`erase ${percent(erased)}`] : []),
  ];
}

/** The whole picture, scaled to fit into a square. */
function fitted(module: ImageModule, photo: RgbImage, size: number): RgbImage {
  const scale = size / Math.max(photo.width, photo.height);
  const width = Math.max(1, Math.round(photo.width * scale));
  const height = Math.max(1, Math.round(photo.height * scale));
  return resize(module, photo, { width, height });
}

function tilesOf(module: ImageModule, photo: RgbImage, options: SheetOptions): Tile[] {
  const { recipe, seed, epoch, columns, rows } = options;
  const { size } = recipe;
  const original = {
    picture: fitted(module, photo, size),
    lines: ["original", `${photo.width}×${photo.height}`],
  };
  const samples = Array.from({ length: columns * rows - 1 }, (_, repeat) => {
    const draw = drawSample(module.math, { seed, epoch, index: 0, repeat }, photo, recipe);
    const data = trainingInputOfPixels(module, photo, draw, { size });
    return { picture: { width: size, height: size, data }, lines: describeDraw(draw, photo, size) };
  });
  return [original, ...samples];
}

/** The original, then samples 0, 1, … as the repeats of an image in training. */
export function contactSheet(module: ImageModule, photo: RgbImage, options: SheetOptions): RgbImage {
  const { columns, rows } = options;
  const { size } = options.recipe;
  const tiles = tilesOf(module, photo, options);
  const lines = Math.max(...tiles.map((tile) => tile.lines.length));
  const stepX = size + MARGIN;
  const stepY = size + MARGIN + lines * LINE;
  const sheet = new Canvas(MARGIN + columns * stepX, MARGIN + rows * stepY, BACKGROUND);
  tiles.forEach(({ picture, lines: text }, place) => {
    const left = MARGIN + (place % columns) * stepX;
    const top = MARGIN + Math.floor(place / columns) * stepY;
    sheet.fill(left, top, size, size, PALE);
    sheet.paste(picture, left + ((size - picture.width) >> 1), top + ((size - picture.height) >> 1));
    text.forEach((line, number) => {
      sheet.write(line, left, top + size + 6 + number * LINE, INK);
    });
  });
  return sheet;
}
