// Planner: a graph becomes a program. Drops operations that no result needs, fuses others, and assigns memory to every
// tensor.

import { formatBytes } from "../bytes.js";
import { VitrineError } from "../errors.js";
import { halfActivations } from "./facts.js";
import { fuseOperations } from "./fusion.js";
import { type Block, memoryBlocks } from "./lifetimes.js";
import { liveOperations } from "./liveness.js";
import { placeBlocks } from "./placement.js";
import type { Graph, Placement, PlanOptions, Program } from "./program.js";
import { rowSpans } from "./row-spans.js";
import type { Tensor } from "./tensor.js";

/**
 * Plans `graph`. The same graph and options always give the same program. Nothing is allocated: `arenaBytes` of the
 * result is the memory of a run besides the stores. Throws `graph/memory` where that is more than the limit, or a
 * tensor is larger than a buffer.
 */
export function planProgram(graph: Graph, options: PlanOptions): Program {
  const operations = fuseOperations(graph, liveOperations(graph), options.fuses);
  const infers = operations.every(({ adds }) => Object.keys(adds).length === 0);
  const spans = options.rowSpans && infers ? rowSpans(graph, operations) : [];
  const tensors = options.halfActivations ? halfActivations(graph, operations) : graph.tensors;
  const blocks = memoryBlocks({ ...graph, tensors }, operations, spans);
  const { bufferBytes } = options;
  if (bufferBytes !== undefined) checkBlocks(graph, tensors, blocks, bufferBytes);
  const layout = placeBlocks(blocks, options.alignmentBytes, bufferBytes);
  if (layout.bytes > options.limitBytes) {
    const left = formatBytes(Math.max(0, options.limitBytes));
    const shortage = `needs ${formatBytes(layout.bytes)}, ${left} are left`;
    throw tooLarge(graph, { shortage, bytes: layout.bytes, limitBytes: options.limitBytes });
  }
  const placements = new Map<number, Placement>();
  blocks.forEach((block, index) => {
    const offset = layout.offsets[index];
    for (const id of block.tensors) placements.set(id, { offset, bytes: block.bytes });
  });
  const planned: Graph = {
    name: graph.name,
    tensors,
    operations,
    inputs: graph.inputs,
    outputs: graph.outputs,
  };
  return { name: graph.name, graph: planned, placements, arenaBytes: layout.bytes, spans };
}

/** Throws `graph/memory` where a tensor is larger than a buffer: kernels bind one buffer per tensor. */
function checkBlocks(
  graph: Graph,
  tensors: readonly Tensor[],
  blocks: readonly Block[],
  bufferBytes: number,
): void {
  const [first, ...others] = blocks;
  if (!first) return;
  const { bytes, tensors: ids } = others.reduce(
    (most, block) => (block.bytes > most.bytes ? block : most),
    first,
  );
  if (bytes <= bufferBytes) return;
  const name = tensors[ids[0]]?.name;
  const shortage = `has a tensor of ${formatBytes(bytes)} (${name}), a kernel of this device takes ${formatBytes(bufferBytes)}`;
  throw tooLarge(graph, { shortage, bytes, limitBytes: bufferBytes });
}

/** `shortage` says what is too large; it follows the program's name. */
function tooLarge(
  { name }: Graph,
  details: { shortage: string; bytes: number; limitBytes: number },
): VitrineError {
  return new VitrineError(
    "graph/memory",
    `${name} ${details.shortage}: take a smaller batch (--batch-size)`,
    { details: { program: name, ...details } },
  );
}

/**
 * Plans the graph that `build` returns for `batch` samples. Where it does not fit, the error names a batch that would.
 * Throws `graph/memory`.
 */
export function planForBatch(build: (batch: number) => Graph, batch: number, options: PlanOptions): Program {
  try {
    return planProgram(build(batch), options);
  } catch (error) {
    if (!(error instanceof VitrineError) || error.code !== "graph/memory") throw error;
    const fits = largestBatch(build, batch, options);
    const hint = fits > 0 ? `a batch of ${fits} fits (--batch-size ${fits})` : "not even a batch of 1 fits";
    const { program, shortage } = error.details;
    throw new VitrineError(
      "graph/memory",
      `${String(program)} with a batch of ${batch} ${String(shortage)}: ${hint}`,
      { details: { ...error.details, batch, largestBatch: fits }, cause: error },
    );
  }
}

/**
 * The largest batch up to `most` whose graph fits, by bisection, since memory grows with the batch. 0 where not even 1
 * fits.
 */
export function largestBatch(build: (batch: number) => Graph, most: number, options: PlanOptions): number {
  let fits = 0;
  let fails = most + 1;
  while (fails - fits > 1) {
    const middle = (fits + fails) >> 1;
    if (isPlannable(build(middle), options)) fits = middle;
    else fails = middle;
  }
  return fits;
}

function isPlannable(graph: Graph, options: PlanOptions): boolean {
  try {
    planProgram(graph, options);
    return true;
  } catch (error) {
    if (error instanceof VitrineError && error.code === "graph/memory") return false;
    throw error;
  }
}
