// Reference forward: a DeiT, DeiT III or ViT as defined in its paper and timm, in double, without optimization.

import type { DeitConfig } from "../../runtime/models/deit/config.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";

type Matrix = number[][];

/** erf by its series, which converges in double for the arguments of a small model. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));
const add = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((value, k) => value + b[i]![k]!));

function softmax(row: number[]): number[] {
  const largest = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** One image: pixels uint8 [size, size, 3] → logits of each head, [classes]. */
export function plainForward(config: DeitConfig, weights: TensorMap, pixels: Uint8Array): number[][] {
  const { imageSize, patchSize, dim, depth, heads, layerNormEpsilon, mean, std } = config;
  const data = (name: string): Float32Array => weights.get(name)!.data;
  const linear = (x: Matrix, name: string): Matrix => {
    const weight = data(`${name}.weight`);
    const outputs = weights.get(`${name}.weight`)!.shape[0]!;
    const bias = weights.get(`${name}.bias`)?.data ?? new Float32Array(outputs);
    return x.map((row) =>
      Array.from(bias, (b, o) => row.reduce((sum, value, k) => sum + value * weight[o * row.length + k]!, b)),
    );
  };
  const scaled = (x: Matrix, name: string): Matrix => {
    const factors = weights.get(`${name}.gamma`)?.data;
    return factors ? x.map((row) => row.map((value, k) => value * factors[k]!)) : x;
  };
  const norm = (x: Matrix, name: string): Matrix =>
    x.map((row) => {
      const average = row.reduce((a, b) => a + b) / dim;
      const variance = row.reduce((sum, value) => sum + (value - average) ** 2, 0) / dim;
      const scale = 1 / Math.sqrt(variance + layerNormEpsilon);
      return row.map((v, k) => (v - average) * scale * data(`${name}.weight`)[k]! + data(`${name}.bias`)[k]!);
    });
  const attention = (x: Matrix, name: string): Matrix => {
    const qkv = linear(x, `${name}.qkv`);
    const headDim = dim / heads;
    const out = x.map(() => new Array<number>(dim).fill(0));
    for (let head = 0; head < heads; head++) {
      const part = (row: number[], which: number): number[] =>
        row.slice(which * dim + head * headDim, which * dim + (head + 1) * headDim);
      qkv.forEach((query, i) => {
        const scores = qkv.map((key) => {
          const k = part(key, 1);
          return part(query, 0).reduce((sum, value, d) => sum + value * k[d]!, 0) / Math.sqrt(headDim);
        });
        softmax(scores).forEach((weight, j) => {
          part(qkv[j]!, 2).forEach((value, d) => {
            out[i]![head * headDim + d]! += weight * value;
          });
        });
      });
    }
    return linear(out, `${name}.proj`);
  };

  const grid = imageSize / patchSize;
  const patches = Array.from({ length: grid * grid }, (_, patch) =>
    Array.from({ length: 3 * patchSize * patchSize }, (_, i) => {
      const channel = Math.floor(i / patchSize ** 2);
      const y = Math.floor(patch / grid) * patchSize + (Math.floor(i / patchSize) % patchSize);
      const x = (patch % grid) * patchSize + (i % patchSize);
      return (pixels[(y * imageSize + x) * 3 + channel]! / 255 - mean[channel]!) / std[channel]!;
    }),
  );
  const prefix = ["cls_token", "dist_token", "reg_token"].flatMap((name) => {
    const values = Array.from(weights.get(name)?.data ?? []);
    return Array.from({ length: values.length / dim }, (_, t) => values.slice(t * dim, (t + 1) * dim));
  });
  const position = data("pos_embed");
  const uncovered = config.prefixPositions === false ? prefix.length : 0;
  let stream = [...prefix, ...linear(patches, "patch_embed.proj")].map((row, i) =>
    row.map((value, k) => value + (i < uncovered ? 0 : position[(i - uncovered) * dim + k]!)),
  );
  for (let block = 0; block < depth; block++) {
    const name = `blocks.${block}`;
    const attended = attention(norm(stream, `${name}.norm1`), `${name}.attn`);
    stream = add(stream, scaled(attended, `${name}.ls1`));
    const hidden = linear(norm(stream, `${name}.norm2`), `${name}.mlp.fc1`).map((row) => row.map(gelu));
    stream = add(stream, scaled(linear(hidden, `${name}.mlp.fc2`), `${name}.ls2`));
  }
  if (config.pool === "avg") {
    const normed = weights.has("norm.weight") ? norm(stream, "norm") : stream;
    const rows = normed.slice(prefix.length);
    const mean = rows[0]!.map((_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length);
    return linear(weights.has("fc_norm.weight") ? norm([mean], "fc_norm") : [mean], "head");
  }
  const tokens = norm(stream, "norm");
  const layers = config.distilled ? ["head", "head_dist"] : ["head"];
  return layers.map((head, token) => linear([tokens[token]!], head)[0]!);
}
