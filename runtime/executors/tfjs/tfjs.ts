// tfjs: the part of @tensorflow/tfjs-core that the executor uses, with the package's names and meanings.
//
// Declared here so that building, and using the other executors, does not need tfjs: the packages are optional peer
// dependencies.

import type { GpuBuffer } from "../../host/environment-types.js";

export type ElementKind = "float32" | "int32" | "bool";

export interface Tensor {
  readonly shape: number[];
  readonly dtype: string;
  readonly isDisposed: boolean;
  data(): Promise<Float32Array | Int32Array | Uint8Array>;
  /** A copy of the values in a buffer of the device; webgpu only. */
  dataToGPU(): { readonly tensorRef: Tensor; readonly buffer?: GpuBuffer | undefined };
  dispose(): void;
}

/** Values in a GPU buffer, from its first byte on. */
export interface BufferValues {
  readonly buffer: GpuBuffer;
  readonly zeroCopy: boolean;
}

export interface Environment {
  set(flag: string, value: boolean | number): void;
}

type Shape = readonly number[];
type Axes = number | number[];

/** The functions, as tfjs documents them. */
export interface Tfjs {
  env(): Environment;
  ready(): Promise<void>;
  getBackend(): string;
  setBackend(name: string): Promise<boolean>;
  registerBackend(name: string, factory: () => object): boolean;
  removeBackend(name: string): void;
  copyRegisteredKernels(from: string, to: string): void;
  getKernelsForBackend(name: string): { readonly kernelName: string }[];
  unregisterKernel(kernel: string, backend: string): void;
  engine(): EngineFunctions;
  memory(): { readonly numTensors: number; readonly numBytes: number };
  tidy<T>(run: () => T): T;
  keep<T extends Tensor>(tensor: T): T;
  clone(x: Tensor): Tensor;

  tensor(
    values: Float32Array | Int32Array | number[] | BufferValues,
    shape?: Shape,
    dtype?: ElementKind,
  ): Tensor;
  scalar(value: number): Tensor;
  zeros(shape: Shape): Tensor;
  fill(shape: Shape, value: number): Tensor;
  range(start: number, stop: number): Tensor;
  cast(x: Tensor, dtype: ElementKind): Tensor;

  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor): Tensor;
  div(a: Tensor, b: Tensor): Tensor;
  maximum(a: Tensor, b: Tensor): Tensor;
  minimum(a: Tensor, b: Tensor): Tensor;
  neg(x: Tensor): Tensor;
  abs(x: Tensor): Tensor;
  square(x: Tensor): Tensor;
  sqrt(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  reciprocal(x: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  relu(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;

  sum(x: Tensor, axis?: Axes, keepDims?: boolean): Tensor;
  max(x: Tensor, axis?: Axes, keepDims?: boolean): Tensor;
  min(x: Tensor, axis?: Axes, keepDims?: boolean): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;

  where(condition: Tensor, a: Tensor, b: Tensor): Tensor;
  less(a: Tensor, b: Tensor): Tensor;
  greater(a: Tensor, b: Tensor): Tensor;
  equal(a: Tensor, b: Tensor): Tensor;

  reshape(x: Tensor, shape: Shape): Tensor;
  transpose(x: Tensor, permutation: number[]): Tensor;
  slice(x: Tensor, begin: number[], size: number[]): Tensor;
  concat(parts: Tensor[], axis: number): Tensor;
  split(x: Tensor, parts: number, axis: number): Tensor[];
  tile(x: Tensor, times: number[]): Tensor;
  pad(x: Tensor, borders: [before: number, after: number][]): Tensor;
  gather(x: Tensor, indices: Tensor): Tensor;

  conv2d(x: Tensor, filter: Tensor, stride: number, padding: number): Tensor;
  /** The gradient of a convolution's input: dy [B,OH,OW,O], filter [K,K,I,O] → dx of `shape`. */
  conv2dTranspose(dy: Tensor, filter: Tensor, shape: Shape, stride: number, padding: number): Tensor;
}

/** Access to kernels that have no function of their own. */
export interface EngineFunctions {
  runKernel(name: string, inputs: Record<string, Tensor>, attributes: Record<string, unknown>): Tensor;
}
