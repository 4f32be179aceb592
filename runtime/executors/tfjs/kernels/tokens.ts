// Tokens: class, distillation and register tokens before the patches, positions added; selection of tokens; and the
// gradients.

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import { elementCount } from "../../../graph/tensor.js";
import type { Operands } from "../operands.js";

/** Rows of a parameter with or without axes of 1. */
function rowsOf(at: Operands, id: TensorId, width: number): number {
  return elementCount(at.shape(id)) / width;
}

export function assembleTokens({ reads, writes }: OperationOf<"assembleTokens">, at: Operands): void {
  const { tf } = at;
  const { patches, classToken, distillationToken, registers, position } = reads;
  const [batch, tokens, width] = at.shape(writes.y) as [number, number, number];
  const tokensOf = (id: TensorId) => at.get(id, [1, rowsOf(at, id, width), width]);
  const prefix = [classToken, distillationToken, registers]
    .filter((id) => id !== undefined)
    .map((id) => tf.tile(tokensOf(id), [batch, 1, 1]));
  const positions = tokensOf(position);
  const coversAll = positions.shape[1] === tokens;
  const body = coversAll ? at.get(patches) : tf.add(at.get(patches), positions);
  const joined = prefix.length > 0 ? tf.concat([...prefix, body], 1) : body;
  at.set(writes.y, coversAll ? tf.add(joined, positions) : joined);
}

export function assembleTokensBackward(
  { reads, writes, adds }: OperationOf<"assembleTokensBackward">,
  at: Operands,
): void {
  const { tf } = at;
  const dy = at.get(reads.dy);
  const [batch, tokens, width] = at.shape(reads.dy) as [number, number, number];
  const count = at.axis(writes.dPatches, 1);
  at.set(writes.dPatches, tf.slice(dy, [0, tokens - count, 0], [batch, count, width]));
  const overBatch = tf.sum(dy, 0);
  let token = 0;
  for (const id of [adds.dClassToken, adds.dDistillationToken, adds.dRegisters]) {
    if (id === undefined) continue;
    at.add(id, tf.slice(overBatch, [token, 0], [rowsOf(at, id, width), width]));
    token += rowsOf(at, id, width);
  }
  const positions = rowsOf(at, adds.dPosition, width);
  at.add(adds.dPosition, tf.slice(overBatch, [tokens - positions, 0], [positions, width]));
}

export function selectToken({ reads, writes, attributes }: OperationOf<"selectToken">, at: Operands): void {
  const [batch, , width] = at.shape(reads.x) as [number, number, number];
  const count = elementCount(at.shape(writes.y)) / (batch * width);
  at.set(writes.y, at.tf.slice(at.get(reads.x), [0, attributes.token, 0], [batch, count, width]));
}

export function selectTokenBackward(
  { reads, writes, attributes }: OperationOf<"selectTokenBackward">,
  at: Operands,
): void {
  const [batch, tokens, width] = at.shape(writes.dx) as [number, number, number];
  const { token } = attributes;
  const count = elementCount(at.shape(reads.dy)) / (batch * width);
  const dy = at.get(reads.dy, [batch, count, width]);
  at.set(
    writes.dx,
    at.tf.pad(dy, [
      [0, 0],
      [token, tokens - count - token],
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
