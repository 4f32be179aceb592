// Device store: what an executor keeps on its device for its callers: stores that outlive programs, and single arrays.

import type { GpuBuffer } from "../host/environment-types.js";

/** Float32 values on an executor's device, owned by the caller until dispose(). */
export interface DeviceArray {
  /** Number of values. */
  readonly count: number;
  /**
   * A buffer of the executor's GPUDevice that holds nothing else. Throws `device/unsupported` where there is no GPU.
   */
  deviceBuffer(): GpuBuffer;
  /** Copies them to the host, float32 [count]. */
  read(): Promise<Float32Array>;
  dispose(): void;
}

/**
 * Float32 buffers that outlive programs and are shared by them: weights, gradients, moments, averages. Initially 0.
 */
export interface Store {
  /** Copies a tensor in. Throws `graph/unknown-tensor` or `graph/shape`. */
  write(name: string, values: Float32Array): void;
  /** Copies a tensor out. Throws `graph/unknown-tensor`. */
  read(name: string): Promise<Float32Array>;
  /** The values where they are, also while a program runs. Absent where they are on a device. Throws as `read`. */
  peek?(name: string): Float32Array;
  /** Copies a tensor on the device. Absent on CPU executors. */
  readOnDevice?(name: string): DeviceArray;
  /** Including the copies that the executor keeps of it. */
  readonly bytes: number;
  dispose(): void;
}

/** What an executor may assume about a store. */
export interface StoreOptions {
  /**
   * Only programs compiled with `frozenStores` use it, and nobody reads it: the executor may keep a tensor in the layout
   * that its kernels read instead of the one in which it was written. Default false.
   */
  frozen?: boolean;
}

/** Int8 matrices in the layout of the executor's kernels, shared by programs. They do not change. */
export interface Int8Store {
  /** On the device. */
  readonly bytes: number;
  dispose(): void;
}

/** name → number of float32 values, in storage order. Tensors of one store are consecutive. */
export type StoreLayout = ReadonlyMap<string, number>;

/** Stores by the names that the graph's tensors use. */
export type ProgramStores = ReadonlyMap<string, Store | Int8Store>;
