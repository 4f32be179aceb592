// Spotlight: a map over a part of a picture, bright where its values are high and dimmed elsewhere. Brightness, unlike a
// color, hides nothing of the picture and is seen by everyone.

import { useEffect, useRef } from "preact/hooks";

interface SpotlightProps {
  /** [grid, grid], row by row. */
  values: ArrayLike<number>;
  grid: number;
}

/** Opacity of the shade over the darkest part. */
const DARKEST = 0.86;
/** Single patches can outshine all others: what is above this part of the values is as bright as it gets. */
const BRIGHTEST = 0.98;

/** Values from 0 (the least) to 1. */
function scaled(values: ArrayLike<number>): number[] {
  const sorted = Array.from(values).sort((a, b) => a - b);
  const least = sorted[0] ?? 0;
  const most = sorted[Math.floor((sorted.length - 1) * BRIGHTEST)] ?? least;
  const range = most - least || 1;
  return Array.from(values, (value) => Math.min(1, (value - least) / range));
}

/** Where in the picture a map is brightest, in words: "top left", "center". */
export function brightestPlace(values: ArrayLike<number>, grid: number): string {
  const weights = scaled(values).map((value) => value ** 2);
  const sum = weights.reduce((a, b) => a + b, 0) || 1;
  const mean = (pick: (index: number) => number) =>
    weights.reduce((total, weight, index) => total + weight * (pick(index) + 0.5), 0) / sum / grid;
  const third = (position: number, names: readonly [string, string, string]) =>
    names[position < 0.42 ? 0 : position > 0.58 ? 2 : 1];
  const vertical = third(
    mean((index) => Math.floor(index / grid)),
    ["top", "", "bottom"],
  );
  const horizontal = third(
    mean((index) => index % grid),
    ["left", "", "right"],
  );
  return `${vertical} ${horizontal}`.trim() || "center";
}

/** Pixels of the canvas for each value: page layout scales linearly, which shows the grid; a canvas can do better. */
const PIXELS = 8;

export function Spotlight({ values, grid }: SpotlightProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const side = grid * PIXELS;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    const small = new OffscreenCanvas(grid, grid);
    const drawn = small.getContext("2d");
    if (!context || !drawn) return;
    const pixels = drawn.createImageData(grid, grid);
    for (const [index, value] of scaled(values).entries())
      pixels.data.set([16, 13, 9, Math.round(255 * DARKEST * (1 - value))], 4 * index);
    drawn.putImageData(pixels, 0, 0);
    context.clearRect(0, 0, side, side);
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, side, side);
  }, [values, grid]);
  return <canvas ref={canvas} class="spotlight" width={side} height={side} />;
}
