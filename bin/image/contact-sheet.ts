// Contact sheet: a photograph as a recipe's samples show it, side by side, each with what was done to it beneath.

import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { type RgbImage, resize } from "../../runtime/image/resize.js";
import { trainingInputOfPixels } from "../../runtime/image/training-input.js";
import { Canvas, type Color } from "./canvas.js";
import { describeDraw } from "./describe-draw.js";

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
/** Pixels around a tile, and from one line of text to the next. */
const MARGIN = 14;
const LINE = 19;

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

/** The original first, then samples 0, 1, … of the picture, as its repeats would be in training. */
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
