// Position embedding: resized to another grid of patches, as facebook's main.py does before fine-tuning at another
// size.
//
// torch.nn.functional.interpolate(mode="bicubic", align_corners=False): cubic convolution with A = −0.75, four taps at
// any scale (no antialiasing), neighbors clamped to the border. Not Pillow's bicubic, which has A = −0.5.

import { VitrineError } from "../errors.js";
import { formatShape } from "../graph/tensor.js";
import type { NamedTensor } from "./tensor-map.js";

const A = -0.75;

/** Weights of the neighbors at −1, 0, 1 and 2 for a point at 0 ≤ t < 1 (Keys, 1981). */
function cubicWeights(t: number): [number, number, number, number] {
  const near = (x: number): number => ((A + 2) * x - (A + 3)) * x * x + 1;
  const far = (x: number): number => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

interface Taps {
  places: [number, number, number, number];
  weights: [number, number, number, number];
}

/** Output index → its four input indices and their weights. */
function tapsOf(target: number, from: number, to: number): Taps {
  const point = ((target + 0.5) * from) / to - 0.5;
  const floor = Math.floor(point);
  const clamp = (place: number): number => Math.min(Math.max(place, 0), from - 1);
  const places: Taps["places"] = [clamp(floor - 1), clamp(floor), clamp(floor + 1), clamp(floor + 2)];
  return { places, weights: cubicWeights(point - floor) };
}

/** [from, from, dim] → [to, to, dim], computed in double and rounded once; first the columns, then the rows. */
function resizeGrid(grid: Float32Array, from: number, to: number, dim: number): Float32Array {
  const taps = Array.from({ length: to }, (_, target) => tapsOf(target, from, to));
  const wide = new Float64Array(from * to * dim);
  for (let row = 0; row < from; row++)
    taps.forEach(({ places, weights }, column) => {
      for (let k = 0; k < dim; k++) {
        let sum = 0;
        for (let tap = 0; tap < 4; tap++) sum += weights[tap] * grid[(row * from + places[tap]) * dim + k];
        wide[(row * to + column) * dim + k] = sum;
      }
    });
  const result = new Float32Array(to * to * dim);
  const rowLength = to * dim;
  taps.forEach(({ places, weights }, row) => {
    for (let i = 0; i < rowLength; i++) {
      let sum = 0;
      for (let tap = 0; tap < 4; tap++) sum += weights[tap] * wide[places[tap] * rowLength + i];
      result[row * rowLength + i] = sum;
    }
  });
  return result;
}

/**
 * pos_embed [1, extra + n·n, dim] → [1, extra + grid·grid, dim]. The first `extra` rows, those of the class and
 * distillation tokens, are copied. An embedding that has the grid already is returned as it is. Throws `weights/shape`
 * where the rows of the patches do not form a square.
 */
export function resizePositionEmbedding(embedding: NamedTensor, extra: number, grid: number): NamedTensor {
  const [, rows = 0, dim = 0] = embedding.shape;
  const from = Math.sqrt(rows - extra);
  if (!Number.isInteger(from) || from < 1) {
    const what = `${rows} rows minus ${extra} of tokens are not a square of patches`;
    throw new VitrineError("weights/shape", `pos_embed ${formatShape(embedding.shape)}: ${what}`, {
      details: { tensor: "pos_embed" },
    });
  }
  if (from === grid) return embedding;
  const data = new Float32Array((extra + grid * grid) * dim);
  data.set(embedding.data.subarray(0, extra * dim));
  data.set(resizeGrid(embedding.data.subarray(extra * dim), from, grid, dim), extra * dim);
  return { shape: [1, extra + grid * grid, dim], data };
}
