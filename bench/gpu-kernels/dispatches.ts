// Dispatches of a forward pass or a training step: each kind once, with its arithmetic and bytes, and the variants to try.

import type { Executor } from "../../runtime/executors/executor.js";
import { storeLayout } from "../../runtime/executors/parameter-store.js";
import { Arena } from "../../runtime/executors/webgpu/arena.js";
import type { Device, Slice } from "../../runtime/executors/webgpu/device.js";
import type { Dispatch } from "../../runtime/executors/webgpu/dispatch.js";
import { encodeProgram } from "../../runtime/executors/webgpu/encode.js";
import { Operands } from "../../runtime/executors/webgpu/operands.js";
import {
  MATRIX_TILE_SIDES,
  PRODUCT_TILES,
  type ProductTile,
  productGrid,
} from "../../runtime/executors/webgpu/product-tile.js";
import type { WebgpuStore } from "../../runtime/executors/webgpu/store.js";
import type { MatrixUnits, TileTable } from "../../runtime/executors/webgpu/tier.js";
import { planForBatch } from "../../runtime/graph/planner.js";
import type { Program } from "../../runtime/graph/program.js";
import { elementCount } from "../../runtime/graph/tensor.js";
import { inferenceGraph } from "../../runtime/inference/program.js";
import { familyOf, type ModelConfig } from "../../runtime/models/families.js";
import { WEIGHTS } from "../../runtime/models/family.js";
import { planTraining } from "../../runtime/training/plan.js";

/** Dispatches that differ only in where their operands are. */
export interface DispatchKind {
  /** The graph operation that it belongs to. */
  operation: string;
  dispatch: Dispatch;
  /**
   * `rows×depth×columns` of a product, with `×groups` of a convolution; `batch×heads×tokens×width` of attention; else the
   * size of the largest operand.
   */
  shape: string;
  /** How many of them the pass has. */
  times: number;
  flops: number;
  /** Of all operands, each counted once. */
  bytes: number;
}

export interface PassOptions {
  config: ModelConfig;
  batch: number;
  /** `train`: a step, forward and backward with the optimizer; `forward`: the inference of a batch. */
  mode: "forward" | "train";
}

interface Plan {
  programs: Program[];
  stores: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

const LOSS = { distillation: "none", alpha: 0, tau: 1, dropPath: 0, ema: false } as const;

/** Throws `graph/memory` where the batch does not fit. */
function planOf({ config, batch, mode }: PassOptions, executor: Executor): Plan {
  const { capabilities } = executor;
  if (mode === "train") {
    const options = { ...LOSS, config, batchSize: batch, lossScaling: executor.halfPrecision ?? false };
    const { accumulate, apply, stores } = planTraining(options, capabilities);
    return { programs: [accumulate, apply], stores };
  }
  const forward = planForBatch((count) => inferenceGraph(config, count), batch, capabilities);
  return {
    programs: [forward],
    stores: new Map([[WEIGHTS, storeLayout(familyOf(config).inferenceShapes(config))]]),
  };
}

const CONVOLUTIONS: readonly string[] = ["conv2d", "subgroup-matrix-conv2d"];
/** Kernels of tiled matrix products. */
export const PRODUCTS: readonly string[] = ["matrix-product", "subgroup-matrix-product", ...CONVOLUTIONS];

/** Rows, depth and columns of a tiled product, and how many of that size a convolution has: one for each group. */
function productOf({ kernel, numbers }: Dispatch): [number, number, number, number] {
  const [rows = 0, depth = 0, columns = 0] = numbers;
  // conv2d-operands.wgsl has them all.
  const outputs = numbers[6] ?? columns;
  return [rows, depth, columns, CONVOLUTIONS.includes(kernel) ? outputs / columns : 1];
}

/** A multiply-add counts as two; 0 for a dispatch that does not multiply matrices. */
export function flopsOf(dispatch: Dispatch): number {
  const { kernel, numbers, constants = {}, grid } = dispatch;
  if (PRODUCTS.includes(kernel)) return productOf(dispatch).reduce((all, size) => all * size, 2);
  // Products of tokens×tokens with a head's width: scores and values; again scores, dP and dQ; scores, dP, dV and dK.
  const products = { attention: 2, "attention-query-gradient": 3, "attention-key-value-gradient": 4 };
  const count = products[kernel as keyof typeof products] ?? 0;
  const [tokens = 0, heads = 0] = numbers;
  return 2 * count * grid[2] * heads * tokens ** 2 * (constants.HEAD_WIDTH ?? 0);
}

function shapeOf(dispatch: Dispatch, slices: readonly Slice[]): string {
  const { kernel, numbers, constants = {}, grid } = dispatch;
  if (CONVOLUTIONS.includes(kernel)) return productOf(dispatch).join("×");
  if (PRODUCTS.includes(kernel)) return numbers.slice(0, 3).join("×");
  if (kernel.startsWith("attention"))
    return [grid[2], numbers[1], numbers[0], constants.HEAD_WIDTH].join("×");
  return `${(Math.max(...slices.map(({ bytes }) => bytes)) / 2 ** 20).toFixed(1)} MiB`;
}

/** Equal for dispatches of one kind: everything but the addresses of the operands. */
function kindOf(operation: string, { kernel, constants, numbers, grid, operands }: Dispatch): string {
  const sizes = Object.entries(operands).map(([name, slice]) => [name, slice?.bytes, slice?.half]);
  return JSON.stringify([operation, kernel, constants, numbers, grid, sizes]);
}

/** What the choice of product tiles depends on. */
export interface Tiles {
  tiles: TileTable;
  /** Of the tiers that use them. */
  matrix?: MatrixUnits | undefined;
}

/** The kinds of dispatch of a pass, on zeroed buffers of their own. */
export function dispatchKinds(
  options: PassOptions,
  executor: Executor,
  device: Device,
  tiles: Tiles,
): DispatchKind[] {
  const { programs, stores: layouts } = planOf(options, executor);
  const stores = new Map(
    [...layouts].map(([name, layout]) => [name, executor.createStore(layout) as WebgpuStore]),
  );
  const arena = new Arena(device, executor.capabilities.bufferBytes ?? device.gpu.limits.maxBufferSize);
  for (const { arenaBytes } of programs) arena.demand(arenaBytes);
  const kinds = new Map<string, DispatchKind>();
  for (const program of programs) {
    const constants = new Map(
      program.graph.tensors
        .filter(({ origin }) => origin.kind === "constant")
        .map(({ id, name, shape }) => {
          const bytes = 4 * elementCount(shape);
          return [id, { buffer: device.createBuffer(bytes, name), offset: 0, bytes }];
        }),
    );
    const maximumBinding = device.gpu.limits.maxStorageBufferBindingSize;
    const bindings = { arena: arena.slice.bind(arena), constants, stores, maximumBinding, ...tiles };
    const at = new Operands(program, bindings);
    const scratch = (bytes: number) => ({ buffer: device.createBuffer(bytes, "scratch"), offset: 0, bytes });
    for (const operation of program.graph.operations) {
      const alone = { ...program, graph: { ...program.graph, operations: [operation] } };
      for (const dispatch of encodeProgram(alone, at, scratch)) addDispatch(kinds, operation.type, dispatch);
    }
  }
  return [...kinds.values()];
}

function addDispatch(kinds: Map<string, DispatchKind>, operation: string, dispatch: Dispatch): void {
  const kind = kindOf(operation, dispatch);
  const known = kinds.get(kind);
  if (known) {
    known.times++;
    return;
  }
  const slices = Object.values(dispatch.operands).filter((slice) => slice !== undefined);
  const bytes = slices.reduce((sum, slice) => sum + slice.bytes, 0);
  const shape = shapeOf(dispatch, slices);
  kinds.set(kind, { operation, dispatch, shape, times: 1, flops: flopsOf(dispatch), bytes });
}

/** A product's dispatch with a different tile. */
export function retiled(dispatch: Dispatch, tile: ProductTile): Dispatch {
  const [rows, , columns, groups] = productOf(dispatch);
  return {
    ...dispatch,
    constants: { ...dispatch.constants, ...tile },
    // A product that splits its depth keeps the number of splits.
    grid: productGrid({ rows, columns }, tile, dispatch.constants?.SPLIT ? dispatch.grid[2] : groups),
  };
}

/** A product's dispatch in every tile of `tiles`, with the one that the executor chose marked; others unchanged. */
export function variantsOf(
  { dispatch }: DispatchKind,
  tiles: Readonly<Record<string, ProductTile>> = PRODUCT_TILES,
): { tile: string; chosen: boolean; dispatch: Dispatch }[] {
  const { kernel, constants = {} } = dispatch;
  if (!PRODUCTS.includes(kernel) || constants.PM === undefined) return [{ tile: "", chosen: true, dispatch }];
  const own = kernel.startsWith("subgroup-") ? matrixVariants(constants) : tiles;
  return Object.entries(own).map(([name, tile]) => {
    const chosen = Object.entries(tile).every(([key, value]) => constants[key] === value);
    return { tile: name, chosen, dispatch: retiled(dispatch, tile) };
  });
}

/** On matrix units: the same subgroups with other tile sides for each. */
function matrixVariants({ WX = 1, WY = 1, STEP = 1 }: NonNullable<Dispatch["constants"]>) {
  const sides = Object.entries(MATRIX_TILE_SIDES);
  return Object.fromEntries(sides.map(([name, side]) => [name, { PM: side, PN: side, WX, WY, STEP }]));
}

/**
 * Keys (or queries, in the backward pass) that pass through workgroup memory at a time. Two blocks of 64 keys of heads 64
 * wide take 32 KiB in float32, which a device may refuse, and 16 in float16.
 */
const ATTENTION_BLOCKS: readonly number[] = [8, 16, 32, 64];

/** An attention's dispatch in every block size that the executor did not choose; empty for other dispatches. */
export function attentionVariants({ dispatch }: Pick<DispatchKind, "dispatch">): {
  tile: string;
  chosen: boolean;
  dispatch: Dispatch;
}[] {
  const { constants = {} } = dispatch;
  const { KEYS } = constants;
  if (KEYS === undefined) return [];
  return ATTENTION_BLOCKS.filter((keys) => keys !== KEYS).map((keys) => ({
    tile: `${keys} instead of ${KEYS}`,
    chosen: false,
    dispatch: { ...dispatch, constants: { ...constants, KEYS: keys } },
  }));
}
