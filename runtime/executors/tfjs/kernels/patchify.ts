// Patchify: images become rows of patches, each with its values in (channel, y, x) order.

import type { OperationOf } from "../../../graph/catalog.js";
import type { Operands } from "../operands.js";

const BYTE_VALUES = 256;

/** pixels [B,S,S,3] → their values in table [3,256] → patches [B,N,3·P·P]. */
export function patchifyBytes(
  { reads, writes, attributes }: OperationOf<"patchifyBytes">,
  at: Operands,
): void {
  const { tf } = at;
  const { patchSize } = attributes;
  const [batch, size] = at.shape(reads.pixels) as [number, number];
  const rowOfChannel = tf.tensor([0, BYTE_VALUES, 2 * BYTE_VALUES], [3], "int32");
  const places = tf.add(tf.cast(at.get(reads.pixels), "int32"), rowOfChannel);
  const values = tf.gather(
    at.get(reads.table, [3 * BYTE_VALUES]),
    tf.reshape(places, [batch * size * size * 3]),
  );
  if (patchSize === 1) {
    at.set(writes.patches, values);
    return;
  }
  const side = size / patchSize;
  const pieces = tf.reshape(values, [batch, side, patchSize, side, patchSize, 3]);
  at.set(writes.patches, tf.transpose(pieces, [0, 1, 3, 5, 2, 4]));
}

/** image [B,3,S,S] → patches [B,N,3·P·P]. */
export function patchifyImage(
  { reads, writes, attributes }: OperationOf<"patchifyImage">,
  at: Operands,
): void {
  const { tf } = at;
  const { patchSize } = attributes;
  const [batch, , size] = at.shape(reads.image) as [number, number, number];
  if (patchSize === 1) {
    at.set(writes.patches, tf.transpose(at.get(reads.image), [0, 2, 3, 1]));
    return;
  }
  const side = size / patchSize;
  const pieces = at.get(reads.image, [batch, 3, side, patchSize, side, patchSize]);
  at.set(writes.patches, tf.transpose(pieces, [0, 2, 4, 1, 3, 5]));
}
