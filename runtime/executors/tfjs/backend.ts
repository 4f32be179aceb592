// Backend: a tfjs backend that computes for one executor, made current only while it does.

import { formatBytes } from "../../bytes.js";
import { VitrineError } from "../../errors.js";
import type { GpuDevice } from "../../host/environment-types.js";
import type { Tfjs } from "./tfjs.js";

export interface BackendParts {
  tf: Tfjs;
  /** Its name in tfjs's registry. */
  name: string;
  /** For people. */
  description: string;
  fusedMultiplyAdd: boolean;
  gpu?: GpuDevice;
  /** Largest tensor in bytes. */
  largestBytes?: number;
  /** Throws what went wrong with the device since. */
  check?: () => void;
  /** Ends what was made for this executor. */
  close: () => void;
}

export class Backend {
  readonly tf: Tfjs;
  readonly name: string;
  readonly description: string;
  readonly fusedMultiplyAdd: boolean;
  /** What it computes on where that is WebGPU. */
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
   * Runs `work`, which waits for nothing, on this backend, and makes current again the one that was: tfjs code around
   * it keeps the backend that it chose. Throws `device/disposed`, `device/memory` and what the device has to say.
   */
  within<T>(work: () => T): T {
    this.check();
    const { tf, name } = this;
    const before = tf.getBackend();
    // Both are there already, and then tfjs changes over before it returns.
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

  /** Makes it tfjs's current backend, for whatever tfjs code comes next. */
  async use(): Promise<void> {
    this.check();
    await this.tf.setBackend(this.name);
  }

  /** Waits for values that are on their way to the host. Throws what the device has to say where they do not come. */
  async reading<T>(values: Promise<T>): Promise<T> {
    try {
      return await values;
    } catch (cause) {
      // The loss of a device is told to its listeners after what was asked of it is refused.
      await new Promise((resolve) => setTimeout(resolve));
      this.check();
      throw cause;
    }
  }

  check(): void {
    if (this.#closed) throw new VitrineError("device/disposed", "the tfjs executor was disposed of");
    this.#parts.check?.();
  }

  /** Throws `device/memory` where a tensor is larger than the device takes. */
  expectRoom(bytes: number, purpose: string): void {
    const { largestBytes } = this.#parts;
    if (largestBytes === undefined || bytes <= largestBytes) return;
    throw new VitrineError(
      "device/memory",
      `${purpose}: ${formatBytes(bytes)}, a tensor of this device holds ${formatBytes(largestBytes)}: take a smaller batch (--batch-size) or model`,
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
    `tfjs has not enough memory (${cause.message}): take a smaller batch (--batch-size) or model`,
    { cause },
  );
}
