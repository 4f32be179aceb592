// Executor: the interface of every device. Declarations only; create-runtime.ts chooses one.

import type { PlanOptions, Program, ProgramInputs, ProgramOutputs } from "../graph/program.js";
import type { GpuDevice } from "../host/environment-types.js";
import type { Int8Matrix } from "../weights/int8-matrix.js";
import type {
  DeviceArray,
  Int8Store,
  ProgramStores,
  Store,
  StoreLayout,
  StoreOptions,
} from "./device-store.js";

/** Inputs of a program, on the host or, where they are float32, already on the executor's device. */
export type DeviceInputs = Readonly<Record<string, ProgramInputs[string] | DeviceArray>>;

/**
 * Is called while a program runs, with the number of its operations that are done; what they wrote to stores can be read with
 * `Store.peek`. The number never falls.
 */
export type OperationsDone = (operations: number) => void;

/** A compiled program with its memory. One run at a time. */
export interface Executable {
  /**
   * Writes the inputs, runs every operation, reads the outputs (copies, owned by the caller). Throws `graph/input`
   * where an input is missing, unknown or of another size or type, `graph/disposed`, and `device/lost`. `onDone` is called
   * where the executor computes beside the calling thread, on the CPU.
   */
  run(inputs: ProgramInputs, onDone?: OperationsDone): Promise<ProgramOutputs>;
  /**
   * As `run`, but resolves as soon as the inputs may be overwritten and the work is submitted: the next program can
   * follow immediately, and `outputs` resolves when they are available. Absent on CPU executors.
   */
  submit?(inputs: DeviceInputs): Promise<{ outputs: Promise<ProgramOutputs> }>;
  /** As `run`, with outputs that stay on the device. Absent on CPU executors. */
  runOnDevice?(inputs: DeviceInputs): Promise<Record<string, DeviceArray>>;
  /** Frees what belongs to this program alone. Its stores stay. */
  dispose(): void;
}

/** What the executor may assume about a program that it compiles. */
export interface CompileOptions {
  /**
   * The program's stores are frozen: they are written only between long series of runs, as in inference. The executor
   * may keep a copy that its kernels read faster; `bytes` of the store counts it. Default false.
   */
  frozenStores?: boolean;
}

/** A register block of the matrix product that was measured at startup. */
export interface CalibratedBlock {
  /** Rows of the result that a block computes at once. */
  rows: number;
  /** Columns of the result that a block computes at once. */
  columns: number;
  /** Best of a product that fits the caches. */
  gigaflops: number;
  /** Whether products use it. */
  chosen: boolean;
}

/** How many kernels of a GPU are compiled; a driver may need a second for each. */
export interface KernelProgress {
  /** Compiled so far. */
  readonly made: number;
  /** Requested so far: a later program may need more. */
  readonly wanted: number;
}

/**
 * A device that runs programs. Its stores hold the weights; a compiled program runs as often as needed. Stores and
 * programs work only with the executor that made them, and no longer after its `dispose()`.
 */
export interface Executor {
  /** Device string of the command line: `wasm`, `webgpu`, `tfjs:cpu` … */
  readonly device: string;
  /** One line for the user: what was chosen and why. */
  readonly description: string;
  /** Whether products and sums are fused (relaxed SIMD); a checkpoint records it, since it changes last bits. */
  readonly fusedMultiplyAdd: boolean;
  /**
   * Keeps activations and their gradients in float16: training then scales the loss (loss-scale.ts). Absent = false.
   */
  readonly halfPrecision?: boolean;
  /** What the planner must know. `limitBytes` is what is left for an arena and for stores that do not exist yet. */
  readonly capabilities: PlanOptions;
  /** Threads that compute. Absent where a GPU does. */
  readonly threads?: number;
  /** The driver's name of the GPU, and whether it computes on the CPU. Absent on other executors. */
  readonly adapter?: { readonly name: string; readonly software: boolean };
  /** The optional GPU features that the kernels use: webgpu/tier.ts. Absent where there is no choice. */
  readonly tier?: string;
  /** The WebGPU device, for other code that computes on it. Absent on other executors. */
  readonly gpu?: GpuDevice | undefined;
  /** Measurements at startup by which kernels were chosen. Absent where there is no choice. */
  readonly calibration?: readonly CalibratedBlock[];
  /** Allocates a store, every value 0. The caller disposes of it. Throws `device/memory`. */
  createStore(layout: StoreLayout, options?: StoreOptions): Store;
  /** Absent where there are no kernels for `linearInt8`. */
  createInt8Store?(matrices: ReadonlyMap<string, Int8Matrix>): Int8Store;
  /** Speed of `linearInt8` relative to float32's `linear`, measured here; absent where there are no int8 kernels. */
  int8Speedup?(): number;
  /**
   * Compiles a program; `stores` has every store that the program names. Throws `graph/unknown-store`, `graph/memory`
   * and `device/memory` where it does not fit the device, and `device/unsupported` where there is no kernel for an
   * operation.
   */
  compile(program: Program, stores: ProgramStores, options?: CompileOptions): Promise<Executable>;
  /** Stops the threads or closes the device. */
  dispose(): Promise<void>;
}
