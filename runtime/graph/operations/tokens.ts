// Tokens: class, distillation and register tokens go before the patches, positions are added; a head selects its
// token.

import { VitrineError } from "../../errors.js";
import type { GradientRule, GraphBuilder } from "../graph.js";
import type { TensorId } from "../tensor.js";
import { expectAxes, expectShape, formatShape } from "../tensor.js";

/** What a vision transformer puts before its patches, and the position embedding. Leading axes of 1 are allowed. */
export interface PrefixTokens {
  /** The class token [1, 1, dim], the first of the sequence. */
  classToken?: TensorId | undefined;
  /** The distillation token [1, 1, dim], after the class token. */
  distillationToken?: TensorId | undefined;
  /** Register tokens [1, R, dim] (arXiv 2309.16588), the last before the patches. */
  registers?: TensorId | undefined;
  /** [1, tokens, dim], or for the patches alone [1, N, dim], as DeiT III has it. */
  position: TensorId;
}

function expectElements(where: string, graph: GraphBuilder, id: TensorId, wanted: readonly number[]): void {
  const shape = graph.shapeOf(id);
  const { length } = shape;
  expectShape(where, shape, [...Array(Math.max(0, length - wanted.length)).fill(1), ...wanted]);
}

/**
 * The sequence that the blocks of a vision transformer take (arXiv 2010.11929, equation 1; deit's models.py with a
 * distillation token): patches [batch, N, dim] → y [batch, T, dim] = (class, distillation, registers, patches) +
 * position, where T is N and the number of tokens that are given. A position embedding of N rows is added to the
 * patches alone. Throws `graph/shape`.
 */
export function assembleTokens(
  graph: GraphBuilder,
  patches: TensorId,
  prefix: PrefixTokens,
  name: string,
): TensorId {
  const shape = graph.shapeOf(patches);
  expectAxes("assembleTokens patches", shape, 3);
  const [batch, count, dim] = shape as [number, number, number];
  const { classToken, distillationToken, registers, position } = prefix;
  for (const [role, token] of Object.entries({ classToken, distillationToken }))
    if (token !== undefined) expectElements(`assembleTokens ${role}`, graph, token, [dim]);
  const single = [classToken, distillationToken].filter((token) => token !== undefined);
  const registerCount = registers === undefined ? 0 : (graph.shapeOf(registers).at(-2) ?? 1);
  if (registers !== undefined)
    expectElements("assembleTokens registers", graph, registers, [registerCount, dim]);
  const tokens = count + single.length + registerCount;
  const patchesOnly = graph.shapeOf(position).at(-2) === count;
  expectElements("assembleTokens position", graph, position, [patchesOnly ? count : tokens, dim]);
  const y = graph.activation(name, [batch, tokens, dim]);
  graph.add("assembleTokens", {
    reads: { patches, classToken, distillationToken, registers, position },
    writes: { y },
  });
  return y;
}

export const assembleTokensGradient: GradientRule<"assembleTokens"> = (sweep, { reads, writes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined) return;
  const { patches, classToken, distillationToken, registers, position } = reads;
  const accumulator = (id: TensorId | undefined) => (id === undefined ? undefined : sweep.accumulator(id));
  const dPatches = sweep.graph.activation(
    `d ${sweep.graph.tensor(patches).name}`,
    sweep.graph.shapeOf(patches),
  );
  sweep.graph.add("assembleTokensBackward", {
    reads: { dy },
    writes: { dPatches },
    adds: {
      dClassToken: accumulator(classToken),
      dDistillationToken: accumulator(distillationToken),
      dRegisters: accumulator(registers),
      dPosition: sweep.accumulator(position),
    },
  });
  if (sweep.wants(patches)) sweep.contribute(patches, dPatches);
};

/** x [batch, tokens, dim] → y [batch, dim]: token number `token` of each sample, from 0. Throws `graph/shape`. */
export function selectToken(graph: GraphBuilder, x: TensorId, token: number, name: string): TensorId {
  const shape = graph.shapeOf(x);
  expectAxes(`selectToken ${name}`, shape, 3);
  const [batch, tokens, dim] = shape as [number, number, number];
  if (!Number.isInteger(token) || token < 0 || token >= tokens) {
    throw new VitrineError(
      "graph/shape",
      `selectToken ${name}: token ${token} of ${formatShape(shape)}, allowed 0…${tokens - 1}`,
    );
  }
  const y = graph.activation(name, [batch, dim]);
  graph.add("selectToken", { reads: { x }, writes: { y }, attributes: { token } });
  return y;
}

/**
 * x [batch, tokens, dim] → y [batch, tokens − first, dim]: the tokens from `first` to the last, such as the patches
 * alone. Throws `graph/shape`.
 */
export function selectTokensFrom(graph: GraphBuilder, x: TensorId, first: number, name: string): TensorId {
  const shape = graph.shapeOf(x);
  expectAxes(`selectTokensFrom ${name}`, shape, 3);
  const [batch, tokens, dim] = shape as [number, number, number];
  if (!Number.isInteger(first) || first < 0 || first >= tokens)
    throw new VitrineError(
      "graph/shape",
      `selectTokensFrom ${name}: from token ${first} of ${formatShape(shape)}, allowed 0…${tokens - 1}`,
    );
  const y = graph.activation(name, [batch, tokens - first, dim]);
  graph.add("selectToken", { reads: { x }, writes: { y }, attributes: { token: first } });
  return y;
}

export const selectTokenGradient: GradientRule<"selectToken"> = (sweep, { reads, writes, attributes }) => {
  const dy = sweep.gradientOf(writes.y);
  if (dy === undefined || !sweep.wants(reads.x)) return;
  const dx = sweep.graph.activation(`d ${sweep.graph.tensor(reads.x).name}`, sweep.graph.shapeOf(reads.x));
  sweep.graph.add("selectTokenBackward", { reads: { dy }, writes: { dx }, attributes });
  sweep.contribute(reads.x, dx);
};
