// Executor: what each way to compute must give. Declares only; create-runtime.ts chooses one.

import type { PlanOptions, Program, ProgramInputs, ProgramOutputs } from "../graph/program.js";
import type { GpuBuffer, GpuDevice } from "../host/environment-types.js";
import type { Int8Matrix } from "../weights/int8-matrix.js";

/** Float32 values on an executor's device, which belong to whoever was given them until dispose(). */
export interface DeviceArray {
  /** Number of values. */
  readonly count: number;
  /** A buffer of the executor's GPUDevice that holds nothing else. Throws `device/unsupported` where there is no GPU. */
  deviceBuffer(): GpuBuffer;
  /** Copies them to the host. */
  read(): Promise<Float32Array>;
  dispose(): void;
}

/** Inputs of a program, from the host or, where they are float32, on the executor's device already. */
export type DeviceInputs = Readonly<Record<string, ProgramInputs[string] | DeviceArray>>;

/** A program that is compiled and has its memory. Runs one at a time. */
export interface Executable {
  /** Writes the inputs, runs every operation, reads the outputs (copies, the caller's to keep). */
  run(inputs: ProgramInputs): Promise<ProgramOutputs>;
  /**
   * As `run`, resolving as soon as the inputs may be overwritten and the work is on its way: the next program can follow
   * at once, and the outputs come when they are there. Absent where the device is the processor.
   */
  submit?(inputs: DeviceInputs): Promise<{ outputs: Promise<ProgramOutputs> }>;
  /** As `run`, with outputs that stay on the device. Absent where the device is the processor. */
  runOnDevice?(inputs: DeviceInputs): Promise<Record<string, DeviceArray>>;
  dispose(): void;
}

export interface CompileOptions {
  /**
   * The program's stores rest: they are written between long series of runs, as for inference. The executor may keep a
   * copy that its kernels read faster; `bytes` of the store counts it. Default false.
   */
  storesRest?: boolean;
}

/** Float32 buffers that outlive programs and are shared by them: weights, gradients, moments, averages. */
export interface Store {
  /** Copies a tensor in. Throws `graph/unknown-tensor` or `graph/shape`. */
  write(name: string, values: Float32Array): void;
  /** Copies a tensor out. */
  read(name: string): Promise<Float32Array>;
  /** Copies a tensor out on the device. Absent where the device is the processor. */
  readOnDevice?(name: string): DeviceArray;
  /** With the copies that the executor keeps of it. */
  readonly bytes: number;
  dispose(): void;
}

/** Int8 matrices in the layout of the executor's kernels, shared by programs. They do not change. */
export interface Int8Store {
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

/** Store by the name that the graph's tensors give. */
export type ProgramStores = ReadonlyMap<string, Store | Int8Store>;

/** How many kernels of a GPU are compiled; a driver may need a second for each. */
export interface KernelProgress {
  readonly made: number;
  /** Requested so far: a later program may need more. */
  readonly wanted: number;
}

export interface Executor {
  /** Device string as the command line takes it: `wasm`, `webgpu`, `tfjs:cpu` … */
  readonly device: string;
  /** One line for people: what was chosen and why. */
  readonly description: string;
  /** Whether products and sums are fused (relaxed SIMD); a checkpoint records it, for it changes last bits. */
  readonly fusedMultiplyAdd: boolean;
  /** Keeps activations and their gradients in float16: training then scales the loss (loss-scale.ts). Absent = false. */
  readonly halfPrecision?: boolean;
  /** What the planner must know. `limitBytes` is what is left for an arena and for stores that do not exist yet. */
  readonly capabilities: PlanOptions;
  /** What of a GPU's optional features the kernels use: webgpu/tier.ts. Absent where there is no choice. */
  readonly tier?: string;
  /** What it computes on where that is WebGPU, for others that want to compute there too. */
  readonly gpu?: GpuDevice | undefined;
  /** What was measured at start-up to choose kernels by; absent where an executor has nothing to choose. */
  readonly calibration?: readonly CalibratedBlock[];
  createStore(layout: StoreLayout): Store;
  /** Absent where there are no kernels for `linearInt8`. */
  createInt8Store?(matrices: ReadonlyMap<string, Int8Matrix>): Int8Store;
  /** Speed of `linearInt8` relative to float32's `linear`, measured here; absent where there are no int8 kernels. */
  int8Speedup?(): number;
  /** Compiles once; `stores` gives every store that the program names. */
  compile(program: Program, stores: ProgramStores, options?: CompileOptions): Promise<Executable>;
  dispose(): Promise<void>;
}
