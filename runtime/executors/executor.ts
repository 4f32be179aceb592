// Executor: what each way to compute must give. Declares only; create-runtime.ts chooses one.

import type { FusionName } from "../graph/fusion.js";
import type { PlanOptions } from "../graph/planner.js";
import type { Program, ProgramInputs, ProgramOutputs } from "../graph/program.js";

/** What an executor can do in one kernel; the planner fuses nothing else. */
export type Fusion = FusionName;

/** What the planner must know. `limitBytes` is what is left for an arena and for stores that do not exist yet. */
export type PlannerCapabilities = Readonly<PlanOptions>;

/** A program that is compiled and has its memory. Runs one at a time. */
export interface Executable {
  /** Writes the inputs, runs every operation, reads the outputs (copies, the caller's to keep). */
  run(inputs: ProgramInputs): Promise<ProgramOutputs>;
  dispose(): void;
}

/** Float32 buffers that outlive programs and are shared by them: weights, gradients, moments, averages. */
export interface Store {
  /** Copies a tensor in. Throws `graph/unknown-tensor` or `graph/shape`. */
  write(name: string, values: Float32Array): void;
  /** Copies a tensor out. */
  read(name: string): Promise<Float32Array>;
  readonly bytes: number;
  dispose(): void;
}

/** name → number of float32 values, in storage order. Tensors of one store lie one behind the other. */
export type StoreLayout = ReadonlyMap<string, number>;

/** A register block of the matrix product that was tried at start-up. */
export interface CalibratedBlock {
  rows: number;
  columns: number;
  /** Of a product that fits the caches, at best. */
  gigaflops: number;
  /** Whether products use this one. */
  chosen: boolean;
}

export interface Executor {
  /** Device string as the command line takes it: `wasm`, `webgpu`, `tfjs:cpu` … */
  readonly device: string;
  /** One line for people: what was chosen and why. */
  readonly description: string;
  /** Whether products and sums are fused (relaxed SIMD); a checkpoint records it, for it changes last bits. */
  readonly fusedMultiplyAdd: boolean;
  readonly capabilities: PlannerCapabilities;
  /** What was measured at start-up to choose kernels by; absent where an executor has nothing to choose. */
  readonly calibration?: readonly CalibratedBlock[];
  createStore(layout: StoreLayout): Store;
  /** Compiles once; `stores` gives every store that the program names. */
  compile(program: Program, stores: ReadonlyMap<string, Store>): Promise<Executable>;
  dispose(): Promise<void>;
}
