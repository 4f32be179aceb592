// Patchify: an image becomes rows of patches, the input of the linear layer that replaces the patch convolution.

import type { GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectAxes, expectMultiple, expectShape, type Shape } from "../tensor.js";

function patchesShape(batch: number, size: number, patchSize: number): Shape {
  expectMultiple("patchify image side by patch side", size, patchSize);
  return [batch, (size / patchSize) ** 2, 3 * patchSize ** 2];
}

/**
 * pixels uint8 [batch, size, size, 3], table [3, 256] → patches [batch, (size/patch)², 3·patch²] with the values of a
 * patch in (channel, y, x) order, as PyTorch's convolution weights are. `table` holds the normalized value of each
 * byte per channel. Pixels have no gradient.
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

/** image float32 [batch, 3, size, size] → patches as above. */
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
 * pixels uint8 [batch, size, size, 3], table [3, 256] → normalized [batch, size, size, 3], channels last: patches of one
 * pixel.
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

/** image float32 [batch, 3, size, size] → [batch, size, size, 3]. */
export function channelsLast(graph: GraphBuilder, image: TensorId, name: string): TensorId {
  const shape = graph.shapeOf(image);
  expectAxes("channelsLast image", shape, 4);
  const [batch, , size] = shape as [number, number, number];
  expectShape("channelsLast image", shape, [batch, 3, size, size]);
  const patches = graph.activation(name, [batch, size, size, 3]);
  graph.add("patchifyImage", { reads: { image }, writes: { patches }, attributes: { patchSize: 1 } });
  return patches;
}
