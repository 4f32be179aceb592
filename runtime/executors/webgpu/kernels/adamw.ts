// AdamW, SGD, LAMB's direction, moving averages, fill and sums of squares: operations over runs of a store's tensors, in
// pieces where a run exceeds a binding.

import type { OperationOf } from "../../../graph/catalog.js";
import { pieces, type Slice } from "../device.js";
import { type Dispatch, elementGrid, floatBits } from "../dispatch.js";
import type { Operands, Scratch } from "../operands.js";

function piece(run: Slice, { first, bytes }: { first: number; bytes: number }): Slice {
  return { buffer: run.buffer, offset: run.offset + first, bytes };
}

export function fill({ writes, attributes }: OperationOf<"fill">, at: Operands): Dispatch[] {
  const run = at.slice(writes.y);
  return pieces(run.bytes, at.maximumBinding).map((part) => ({
    kernel: "fill",
    operands: { y: piece(run, part) },
    numbers: [part.bytes / 4, floatBits(attributes.value)],
    grid: elementGrid(part.bytes / 4),
  }));
}

const MAX_GROUPS = 1024;
/** The fewest values that are worth a workgroup. */
const VALUES_PER_GROUP = 1024;

export function sumOfSquares(
  { reads, writes }: OperationOf<"sumOfSquares">,
  at: Operands,
  scratch: Scratch,
): Dispatch[] {
  const run = at.slice(reads.x);
  const parts = pieces(run.bytes, at.maximumBinding);
  const groups = parts.map(({ bytes }) => Math.min(MAX_GROUPS, Math.ceil(bytes / 4 / VALUES_PER_GROUP)));
  const total = groups.reduce((sum, count) => sum + count, 0);
  const partials = scratch(4 * total);
  let first = 0;
  const dispatches = parts.map((part, i): Dispatch => {
    const count = groups[i];
    const numbers = [count, part.bytes / 4, first];
    first += count;
    const operands = { x: piece(run, part), partials };
    return { kernel: "sum-of-squares", operands, numbers, grid: [count, 1, 1] };
  });
  const operands = { partials, y: at.at(writes.y) };
  return [...dispatches, { kernel: "sum-of-partials", operands, numbers: [1, total], grid: [1, 1, 1] }];
}

export function adamW({ reads, adds, attributes }: OperationOf<"adamW">, at: Operands): Dispatch[] {
  const { parameters, firstMoment, secondMoment, average } = adds;
  const runs = {
    parameters: at.slice(parameters),
    gradients: at.slice(reads.gradients),
    firstMoment: at.slice(firstMoment),
    secondMoment: at.slice(secondMoment),
    ...(average === undefined ? {} : { average: at.slice(average) }),
  };
  const shared = { settings: at.at(reads.settings), norm: at.at(reads.norm) };
  return pieces(runs.parameters.bytes, at.maximumBinding).map((part) => {
    const cut = Object.entries(runs).map(([name, run]) => [name, piece(run, part)]);
    const count = part.bytes / 4;
    return {
      kernel: "adamw",
      operands: { ...Object.fromEntries(cut), ...shared },
      numbers: [
        ...[count, attributes.decayed ? 1 : 0, average === undefined ? 0 : 1, 0],
        floatBits(attributes.rateFactor),
      ],
      grid: elementGrid(count),
    };
  });
}

export function sgd({ reads, adds, attributes }: OperationOf<"sgd">, at: Operands): Dispatch[] {
  const runs = {
    parameters: at.slice(adds.parameters),
    gradients: at.slice(reads.gradients),
    firstMoment: at.slice(adds.firstMoment),
  };
  const shared = { settings: at.at(reads.settings), norm: at.at(reads.norm) };
  const numbers = [attributes.decayed ? 1 : 0, 0, floatBits(attributes.rateFactor)];
  return overRuns("sgd", runs, shared, numbers, at);
}

export function lambDirection(
  { reads, adds, attributes }: OperationOf<"lambDirection">,
  at: Operands,
): Dispatch[] {
  const runs = {
    parameters: at.slice(reads.parameters),
    gradients: at.slice(adds.gradients),
    firstMoment: at.slice(adds.firstMoment),
    secondMoment: at.slice(adds.secondMoment),
  };
  const shared = { settings: at.at(reads.settings), norm: at.at(reads.norm) };
  return overRuns("lamb-direction", runs, shared, [attributes.decayed ? 1 : 0, 0], at);
}

/** A dispatch for each piece of runs of the same length; its count is the first number. */
export function overRuns(
  kernel: Dispatch["kernel"],
  runs: Readonly<Record<string, Slice>>,
  shared: Readonly<Record<string, Slice | undefined>>,
  numbers: readonly number[],
  at: Operands,
): Dispatch[] {
  const [first] = Object.values(runs);
  return pieces(first.bytes, at.maximumBinding).map((part) => {
    const cut = Object.entries(runs).map(([name, run]) => [name, piece(run, part)]);
    const count = part.bytes / 4;
    return {
      kernel,
      operands: { ...Object.fromEntries(cut), ...shared },
      numbers: [count, ...numbers],
      grid: elementGrid(count),
    };
  });
}

export function movingAverage({ reads, adds }: OperationOf<"movingAverage">, at: Operands): Dispatch[] {
  const [values, average] = [at.slice(reads.values), at.slice(adds.average)];
  const shared = { settings: at.at(reads.settings), norm: at.at(reads.norm) };
  return pieces(values.bytes, at.maximumBinding).map((part) => {
    const count = part.bytes / 4;
    const operands = { values: piece(values, part), average: piece(average, part), ...shared };
    return { kernel: "moving-average", operands, numbers: [count, 0], grid: elementGrid(count) };
  });
}
