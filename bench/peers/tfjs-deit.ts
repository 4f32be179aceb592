// A DeiT in tfjs operations, in two styles. Weights are [inputs, outputs] in both, as tf.layers keeps them.
//
// direct   as the model's definition reads: `tf.matMul`, all heads in one batched product whose second operand has the
//          transpose flag, gradients as tfjs derives them.
// tuned    only operations that tfjs-wasm is fast at. Only products of two plain matrices reach its fast kernel (XNNPACK);
//          one with a transposed or batched operand is eight times slower. So heads are multiplied one by one, and operands
//          are transposed beforehand, in custom gradients as well.
//
// In both, the patch embedding is a product of patches: tfjs-wasm has no gradient of a convolution's filter.

import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { tokenCount } from "../../runtime/models/deit/config.js";
import type { NamedTensor, TensorMap } from "../../runtime/weights/tensor-map.js";
import type { Tensor, Tfjs } from "./tfjs.js";

export type TfjsStyle = "direct" | "tuned";

interface Model {
  tf: Tfjs;
  config: DeitConfig;
  style: TfjsStyle;
  weight: (name: string) => Tensor;
  batch: number;
}

export interface TfjsHeads {
  classLogits: Tensor;
  distillationLogits?: Tensor;
}

/** Matrices and the patch filters as [inputs, outputs], as tf.layers keeps them too; everything else as it is. */
export function tfjsWeights(weights: TensorMap): TensorMap {
  return new Map(
    [...weights].map(([name, tensor]) => [name, isMatrix(name, tensor) ? transposed(tensor) : tensor]),
  );
}

function isMatrix(name: string, { shape }: NamedTensor): boolean {
  return name.endsWith(".weight") && shape.length > 1;
}

function transposed({ shape, data }: NamedTensor): NamedTensor {
  const [outputs] = shape;
  const inputs = data.length / outputs;
  const values = new Float32Array(data.length);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++) values[i * outputs + o] = data[o * inputs + i];
  return { shape: [inputs, outputs], data: values };
}

/** a [m, k] · b [k, n], and the same fast kernel for both gradients. */
function product(tf: Tfjs, a: Tensor, b: Tensor): Tensor {
  return tf.customGrad((x, y, save) => {
    save([x, y]);
    const gradFunc = (dy: Tensor, [x, y]: Tensor[]) => [
      tf.matMul(dy, tf.transpose(y as Tensor)),
      tf.matMul(tf.transpose(x as Tensor), dy),
    ];
    return { value: tf.matMul(x, y), gradFunc };
  })(a, b);
}

/** image [batch, 3, size, size] → logits [batch, classes] of each head. */
export function tfjsDeit(
  tf: Tfjs,
  config: DeitConfig,
  weight: (name: string) => Tensor,
  image: Tensor,
  style: TfjsStyle,
): TfjsHeads {
  const batch = image.shape[0];
  const model: Model = { tf, config, style, weight, batch };
  let stream = embed(model, image);
  for (let index = 0; index < config.depth; index++) {
    const before = stream;
    // Frees a block's tensors, except those that gradients need.
    stream = tf.tidy(() => block(model, before, `blocks.${index}`));
  }
  const { dim } = config;
  const tokens = tokenCount(config);
  const normed = tf.reshape(layerNorm(model, stream, "norm"), [batch, tokens, dim]);
  const head = (token: number, name: string) =>
    linear(model, tf.reshape(tf.slice(normed, [0, token, 0], [batch, 1, dim]), [batch, dim]), name);
  const classLogits = head(0, "head");
  return config.distilled ? { classLogits, distillationLogits: head(1, "head_dist") } : { classLogits };
}

/** → tokens [batch · tokens, dim]. */
function embed(model: Model, image: Tensor): Tensor {
  const { tf, config, weight, batch } = model;
  const { imageSize, patchSize, dim, distilled } = config;
  const side = imageSize / patchSize;
  const values = 3 * patchSize ** 2;
  // [b, c, row, y, column, x] → [b, row, column, c, y, x]; tfjs transposes at most six axes.
  const pieces = tf.reshape(image, [batch * 3, side, patchSize, side, patchSize]);
  const byPatch = tf.transpose(
    tf.reshape(pieces, [batch, 3, side, patchSize, side, patchSize]),
    [0, 2, 4, 1, 3, 5],
  );
  const patches = tf.reshape(byPatch, [batch * side * side, values]);
  const embedded = linear(model, patches, "patch_embed.proj");
  const prefix = ["cls_token", ...(distilled ? ["dist_token"] : [])].map((name) =>
    tf.tile(weight(name), [batch, 1, 1]),
  );
  const tokens = tf.concat([...prefix, tf.reshape(embedded, [batch, side * side, dim])], 1);
  return tf.reshape(tf.add(tokens, weight("pos_embed")), [batch * tokenCount(config), dim]);
}

function layerNorm({ tf, config, weight }: Model, x: Tensor, name: string): Tensor {
  const centered = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.mul(centered, centered), -1, true);
  const normed = tf.mul(centered, tf.rsqrt(tf.add(variance, tf.scalar(config.layerNormEpsilon))));
  return tf.add(tf.mul(normed, weight(`${name}.weight`)), weight(`${name}.bias`));
}

/** x [rows, inputs] → [rows, outputs]. */
function linear({ tf, weight, style }: Model, x: Tensor, name: string): Tensor {
  const factor = weight(`${name}.weight`);
  const y = style === "tuned" ? product(tf, x, factor) : tf.matMul(x, factor);
  return tf.add(y, weight(`${name}.bias`));
}

function gelu(tf: Tfjs, x: Tensor): Tensor {
  const error = tf.erf(tf.mul(x, tf.scalar(Math.SQRT1_2)));
  return tf.mul(tf.mul(x, tf.scalar(0.5)), tf.add(error, tf.scalar(1)));
}

function block(model: Model, x: Tensor, name: string): Tensor {
  const { tf } = model;
  const attended = attention(model, layerNorm(model, x, `${name}.norm1`), name);
  const middle = tf.add(x, attended);
  const hidden = linear(model, layerNorm(model, middle, `${name}.norm2`), `${name}.mlp.fc1`);
  return tf.add(middle, linear(model, gelu(tf, hidden), `${name}.mlp.fc2`));
}

function attention(model: Model, normed: Tensor, name: string): Tensor {
  const { tf, config, batch } = model;
  const { dim, heads } = config;
  const tokens = tokenCount(config);
  const size = dim / heads;
  const qkv = linear(model, normed, `${name}.attn.qkv`);
  const byHead = tf.transpose(tf.reshape(qkv, [batch, tokens, 3, heads, size]), [2, 0, 3, 1, 4]);
  const outs = (model.style === "tuned" ? headByHead : allHeads)(model, byHead);
  const out = tf.transpose(tf.reshape(outs, [batch, heads, tokens, size]), [0, 2, 1, 3]);
  return linear(model, tf.reshape(out, [batch * tokens, dim]), `${name}.attn.proj`);
}

/** q, k and v [3, batch, heads, tokens, size] → [batch, heads, tokens, size]. */
function allHeads({ tf }: Model, byHead: Tensor): Tensor {
  const [q, k, v] = tf.unstack(byHead) as [Tensor, Tensor, Tensor];
  const size = byHead.shape[4];
  const scores = tf.mul(tf.matMul(q, k, false, true), tf.scalar(size ** -0.5));
  return tf.matMul(tf.softmax(scores), v);
}

/** The same → [batch · heads, tokens, size]. */
function headByHead({ tf, config, batch }: Model, byHead: Tensor): Tensor {
  const { heads } = config;
  const [tokens, size] = byHead.shape.slice(3) as [number, number];
  const matrices = tf.unstack(tf.reshape(byHead, [3 * batch * heads, tokens, size]));
  const scale = tf.scalar(size ** -0.5);
  const each = Array.from({ length: batch * heads }, (_, head) => {
    const [q, k, v] = [0, 1, 2].map((part) => matrices[part * batch * heads + head]) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const scores = tf.mul(product(tf, q, tf.transpose(k)), scale);
    return product(tf, tf.softmax(scores), v);
  });
  return tf.stack(each);
}
