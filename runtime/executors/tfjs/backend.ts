// Backend: the tfjs backend of one executor, made current only while that executor computes.

import { formatBytes } from "../../bytes.js";
import { VitrineError } from "../../errors.js";
import type { GpuDevice } from "../../host/environment-types.js";
import type { Tfjs } from "./tfjs.js";

export interface BackendParts {
  tf: Tfjs;
  /** Its name in tfjs's registry. */
  name: string;
  /** For messages. */
  description: string;
  fusedMultiplyAdd: boolean;
  gpu?: GpuDevice;
  /** Largest tensor of the device in bytes. */
  largestBytes?: number;
  /** Throws the first error that the device has reported. */
  check?: () => void;
  /** Removes what was registered and opened for this executor. */
  close: () => void;
}

export class Backend {
  readonly tf: Tfjs;
  readonly name: string;
  readonly description: string;
  readonly fusedMultiplyAdd: boolean;
  /** The device, where it computes on WebGPU. */
  readonly gpu: GpuDevice | undefined;
  readonly #parts: BackendParts;
  #closed = false;

  constructor(parts: BackendParts) {
    this.tf = parts.tf;
    this.name = parts.name;
    this.description = parts.description;
    this.fusedMultiplyAdd = parts.fusedMultiplyAdd;
    this.gpu = parts.gpu;
    this.#parts = parts;
  }

  /**
   * Runs the synchronous `work` on this backend and then restores the previous one, so that other tfjs code keeps its
   * backend. Throws `device/disposed`, `device/memory` and the device's errors.
   */
  within<T>(work: () => T): T {
    this.check();
    const { tf, name } = this;
    const before = tf.getBackend();
    // Both backends are initialized, so tfjs switches before the call returns.
    if (before !== name) void tf.setBackend(name);
    try {
      return work();
    } catch (cause) {
      if (cause instanceof RangeError) throw outOfMemory(cause);
      throw cause;
    } finally {
      if (before && before !== name) void tf.setBackend(before);
    }
  }

  /** Makes it tfjs's current backend for all tfjs code that follows. */
  async use(): Promise<void> {
    this.check();
    await this.tf.setBackend(this.name);
  }

  /** Waits for values that are being read by the host. Throws the device's error where that fails. */
  async reading<T>(values: Promise<T>): Promise<T> {
    try {
      return await values;
    } catch (cause) {
      // The event that the device is lost arrives after its pending calls are rejected.
      await new Promise((resolve) => setTimeout(resolve));
      this.check();
      throw cause;
    }
  }

  check(): void {
    if (this.#closed)
      throw new VitrineError(
        "device/disposed",
        "the tfjs executor was used after dispose(): create another one",
      );
    this.#parts.check?.();
  }

  /** Throws `device/memory` where a tensor of `bytes` is too large for the device. */
  expectRoom(bytes: number, purpose: string): void {
    const { largestBytes } = this.#parts;
    if (largestBytes === undefined || bytes <= largestBytes) return;
    throw new VitrineError(
      "device/memory",
      `${purpose}: ${formatBytes(bytes)}, the largest tensor of this device holds ${formatBytes(largestBytes)}: use a smaller batch (--batch-size) or model`,
      { details: { bytes, limitBytes: largestBytes } },
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.close();
  }
}

function outOfMemory(cause: RangeError): VitrineError {
  return new VitrineError(
    "device/memory",
    `tfjs is out of memory (${cause.message}): use a smaller batch (--batch-size) or model`,
    { cause },
  );
}
