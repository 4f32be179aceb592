// LAMB's steps: the sums of squares of each tensor of a run, and the step that their ratio scales. A dispatch takes up to
// 30 tensors, whose places are in its parameters: one for each tensor would make 5 × 51 of them for a DeiT.

import type { OperationOf } from "../../../graph/catalog.js";
import { pieces, type Slice } from "../device.js";
import { type Dispatch, floatBits } from "../dispatch.js";
import type { Operands, Scratch } from "../operands.js";
import { overRuns } from "./adamw.js";

/** Two words each beside four others in the 256 bytes of a dispatch's parameters: `table` in the kernels. */
const MOST_TENSORS = 30;

/** Values of a tensor that are worth a workgroup, and workgroups for the largest tensor. */
const VALUES_PER_GROUP = 1024;
const MOST_GROUPS = 64;

/** A tensor, or a piece of one that exceeds a binding; bytes from the start of the tensor. */
interface Part {
  tensor: number;
  first: number;
  bytes: number;
}

/** The parts of each tensor, as many for each as the largest has: the others have empty ones. */
function partsOf(tensors: readonly Slice[], maximumBinding: number): { parts: Part[]; perTensor: number } {
  const cut = tensors.map(({ bytes }) => pieces(bytes, maximumBinding));
  const perTensor = Math.max(...cut.map(({ length }) => length));
  const parts = cut.flatMap((own, tensor) =>
    Array.from({ length: perTensor }, (_, i) => ({ tensor, ...(own[i] ?? { first: 0, bytes: 0 }) })),
  );
  return { parts, perTensor };
}

/** Consecutive parts for one dispatch: few enough, and close enough together for one binding. */
interface Batch {
  /** Place of the first among all parts. */
  base: number;
  parts: Part[];
  /** From the start of the first tensor's slice, as bytes of each operand. */
  start: number;
  end: number;
}

function batchesOf(tensors: readonly Slice[], parts: readonly Part[], maximumBinding: number): Batch[] {
  const batches: Batch[] = [];
  parts.forEach((part, index) => {
    const start = tensors[part.tensor].offset - tensors[0].offset + part.first;
    const end = start + part.bytes;
    const open = batches.at(-1);
    if (open && open.parts.length < MOST_TENSORS && end - open.start <= maximumBinding) {
      open.parts.push(part);
      open.end = Math.max(open.end, end);
    } else batches.push({ base: index, parts: [part], start, end });
  });
  return batches;
}

/** A dispatch for each batch; `operands`: the first tensors' slices, of stores with the same layout. */
function overTensors(
  kernel: Dispatch["kernel"],
  tensors: readonly Slice[],
  operands: Readonly<Record<string, Slice>>,
  { at, constants, shared, numbers, groups }: OverTensors,
): Dispatch[] {
  const { parts } = partsOf(tensors, at.maximumBinding);
  return batchesOf(tensors, parts, at.maximumBinding).map(({ base, parts: own, start, end }) => {
    const table = own.flatMap(({ tensor, first, bytes }) => [
      (tensors[tensor].offset - tensors[0].offset + first - start) / 4,
      bytes / 4,
    ]);
    const padding = new Array<number>(2 * MOST_TENSORS - table.length).fill(0);
    const bound = Object.entries(operands).map(([name, { buffer, offset }]) => [
      name,
      { buffer, offset: offset + start, bytes: Math.max(4, end - start) },
    ]);
    return {
      kernel,
      constants,
      operands: { ...Object.fromEntries(bound), ...shared },
      numbers: [groups, base, ...numbers, ...table, ...padding],
      grid: [groups, own.length, 1],
    };
  });
}

interface OverTensors {
  at: Operands;
  constants: Readonly<Record<string, number>>;
  shared: Readonly<Record<string, Slice | undefined>>;
  /** The third and fourth word of the parameters. */
  numbers: readonly [number, number];
  /** Workgroups for each part. */
  groups: number;
}

function groupsFor(tensors: readonly Slice[]): number {
  const largest = Math.max(...tensors.map(({ bytes }) => bytes / 4));
  return Math.min(MOST_GROUPS, Math.ceil(largest / VALUES_PER_GROUP));
}

export function tensorSquares(
  { reads, writes }: OperationOf<"tensorSquares">,
  at: Operands,
  scratch: Scratch,
): Dispatch[] {
  const tensors = at.tensorsOf(reads.x);
  const { parts, perTensor } = partsOf(tensors, at.maximumBinding);
  const groups = groupsFor(tensors);
  const partials = scratch(4 * groups * parts.length);
  const options: OverTensors = { at, constants: {}, shared: { partials }, numbers: [0, 0], groups };
  return [
    ...overTensors("tensor-squares", tensors, { x: tensors[0] }, options),
    {
      kernel: "sum-of-partials",
      operands: { partials, y: at.at(writes.y) },
      numbers: [tensors.length, perTensor * groups],
      grid: [tensors.length, 1, 1],
    },
  ];
}

export function lambStep({ reads, adds, attributes }: OperationOf<"lambStep">, at: Operands): Dispatch[] {
  const { norm, parameterSquares, directionSquares } = reads;
  const shared = { settings: at.at(reads.settings), norm: at.at(norm) };
  const rateFactor = floatBits(attributes.rateFactor);
  if (parameterSquares === undefined || directionSquares === undefined) {
    const runs = { parameters: at.slice(adds.parameters), direction: at.slice(reads.direction) };
    return overRuns("lamb-step", runs, shared, [0, rateFactor], at);
  }
  const [parameters, directions] = [at.tensorsOf(adds.parameters), at.tensorsOf(reads.direction)];
  const { perTensor } = partsOf(parameters, at.maximumBinding);
  const squares = {
    parameterSquares: at.at(parameterSquares),
    directionSquares: at.at(directionSquares),
  };
  return overTensors(
    "lamb-tensor-steps",
    parameters,
    { parameters: parameters[0], direction: directions[0] },
    {
      at,
      constants: { PARTS: perTensor },
      shared: { ...shared, ...squares },
      numbers: [0, rateFactor],
      groups: groupsFor(parameters),
    },
  );
}
