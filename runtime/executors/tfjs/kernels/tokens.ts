// Tokens: class and distillation token before the patches, positions added; selection of one token; and the gradients.

import type { OperationOf } from "../../../graph/catalog.js";
import type { Operands } from "../operands.js";

export function assembleTokens({ reads, writes }: OperationOf<"assembleTokens">, at: Operands): void {
  const { tf } = at;
  const { patches, classToken, distillationToken, position } = reads;
  const [batch, tokens, width] = at.shape(writes.y) as [number, number, number];
  const prefix = [classToken, distillationToken]
    .filter((id) => id !== undefined)
    .map((id) => tf.tile(at.get(id, [1, 1, width]), [batch, 1, 1]));
  const joined = tf.concat([...prefix, at.get(patches)], 1);
  at.set(writes.y, tf.add(joined, at.get(position, [1, tokens, width])));
}

export function assembleTokensBackward(
  { reads, writes, adds }: OperationOf<"assembleTokensBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const dy = at.get(reads.dy);
  const [batch, tokens, width] = at.shape(reads.dy) as [number, number, number];
  const prefix = [adds.dClassToken, adds.dDistillationToken].filter((id) => id !== undefined);
  at.set(writes.dPatches, tf.slice(dy, [0, prefix.length, 0], [batch, tokens - prefix.length, width]));
  const overBatch = tf.sum(dy, 0);
  for (const [token, id] of prefix.entries()) at.add(id, tf.slice(overBatch, [token, 0], [1, width]));
  at.add(adds.dPosition, overBatch);
}

export function selectToken({ reads, writes, attributes }: OperationOf<"selectToken">, at: Operands): void {
  const [batch, , width] = at.shape(reads.x) as [number, number, number];
  at.set(writes.y, at.tf.slice(at.get(reads.x), [0, attributes.token, 0], [batch, 1, width]));
}

export function selectTokenBackward(
  { reads, writes, attributes }: OperationOf<"selectTokenBackward">,
  at: Operands,
): void {
  const [batch, tokens, width] = at.shape(writes.dx) as [number, number, number];
  const { token } = attributes;
  const dy = at.get(reads.dy, [batch, 1, width]);
  at.set(
    writes.dx,
    at.tf.pad(dy, [
      [0, 0],
      [token, tokens - 1 - token],
      [0, 0],
    ]),
  );
}

export function selectTwoTokensBackward(
  { reads, writes }: OperationOf<"selectTwoTokensBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const [batch, tokens, width] = at.shape(writes.dx) as [number, number, number];
  const both = [reads.dyFirst, reads.dySecond].map((id) => at.get(id, [batch, 1, width]));
  at.set(
    writes.dx,
    tf.pad(tf.concat(both, 1), [
      [0, 0],
      [0, tokens - 2],
      [0, 0],
    ]),
  );
}
