// Patchify: an image becomes rows of patches, the input of the linear layer that replaces the patch convolution.

import type { GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectAxes, expectMultiple, expectShape, type Shape } from "../tensor.js";

function patchesShape(batch: number, size: number, patchSize: number): Shape {
  expectMultiple("patchify image side by patch side", size, patchSize);
  return [batch, (size / patchSize) ** 2, 3 * patchSize ** 2];
}

/**
 * Normalizes images and cuts them into patches, the rows that timm's PatchEmbed convolution sees. pixels uint8
 * [batch, size, size, 3], table [3, 256] → patches [batch, (size/patchSize)², 3·patchSize²] with the values of a
 * patch in (channel, y, x) order, as PyTorch's convolution weights are. `table` holds the normalized value of each
 * byte per channel. Pixels have no gradient. Throws `graph/shape`.
 */
export function patchifyBytes(
  graph: GraphBuilder,
  pixels: TensorId,
  table: TensorId,
  patchSize: number,
  name: string,
): TensorId {
  const shape = graph.shapeOf(pixels);
  expectAxes("patchifyBytes pixels", shape, 4);
  const [batch, size] = shape as [number, number];
  expectShape("patchifyBytes pixels", shape, [batch, size, size, 3]);
  expectShape("patchifyBytes table", graph.shapeOf(table), [3, 256]);
  const patches = graph.activation(name, patchesShape(batch, size, patchSize));
  graph.add("patchifyBytes", { reads: { pixels, table }, writes: { patches }, attributes: { patchSize } });
  return patches;
}

/**
 * As `patchifyBytes`, from normalized floats: image float32 [batch, 3, size, size] → patches
 * [batch, (size/patchSize)², 3·patchSize²].
 */
export function patchifyImage(
  graph: GraphBuilder,
  image: TensorId,
  patchSize: number,
  name: string,
): TensorId {
  const shape = graph.shapeOf(image);
  expectAxes("patchifyImage image", shape, 4);
  const [batch, , size] = shape as [number, number, number];
  expectShape("patchifyImage image", shape, [batch, 3, size, size]);
  const patches = graph.activation(name, patchesShape(batch, size, patchSize));
  graph.add("patchifyImage", { reads: { image }, writes: { patches }, attributes: { patchSize } });
  return patches;
}

/**
 * Normalizes images for a convolution: pixels uint8 [batch, size, size, 3], table [3, 256] (the normalized value of
 * each byte per channel) → [batch, size, size, 3]. Pixels have no gradient. Throws `graph/shape`.
 */
export function normalizeBytes(
  graph: GraphBuilder,
  pixels: TensorId,
  table: TensorId,
  name: string,
): TensorId {
  const shape = graph.shapeOf(pixels);
  expectAxes("normalizeBytes pixels", shape, 4);
  const [batch, size] = shape as [number, number];
  expectShape("normalizeBytes pixels", shape, [batch, size, size, 3]);
  expectShape("normalizeBytes table", graph.shapeOf(table), [3, 256]);
  const patches = graph.activation(name, shape);
  graph.add("patchifyBytes", { reads: { pixels, table }, writes: { patches }, attributes: { patchSize: 1 } });
  return patches;
}

/**
 * Moves the channels last, as `conv2d` takes them: image float32 [batch, 3, size, size] → [batch, size, size, 3].
 * Throws `graph/shape`.
 */
export function channelsLast(graph: GraphBuilder, image: TensorId, name: string): TensorId {
  const shape = graph.shapeOf(image);
  expectAxes("channelsLast image", shape, 4);
  const [batch, , size] = shape as [number, number, number];
  expectShape("channelsLast image", shape, [batch, 3, size, size]);
  const patches = graph.activation(name, [batch, size, size, 3]);
  graph.add("patchifyImage", { reads: { image }, writes: { patches }, attributes: { patchSize: 1 } });
  return patches;
}
