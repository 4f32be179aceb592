// Device: a GPUDevice, its buffers, and the errors that WebGPU reports after the call that caused them.

import { formatBytes } from "../../bytes.js";
import { VitrineError } from "../../errors.js";

/** The values of GPUBufferUsage, which is not a global in Node. */
export const BufferUsage = {
  mapRead: 0x1,
  copySource: 0x4,
  copyDestination: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

/** GPUMapMode.READ. */
export const MAP_READ = 0x1;

/** Storage buffers that the host writes and reads. */
const WORKING_USAGE = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyDestination;

/** Every WebGPU device accepts binding offsets that are multiples of this; many accept smaller ones. */
export const BINDING_ALIGNMENT = 256;

export function alignBinding(bytes: number): number {
  return Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
}

/** Part of a buffer, as a bind group takes it. */
export interface Slice {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  /** Whether its values are float16. */
  readonly half?: boolean;
}

/** Cuts `bytes` into pieces that fit in a binding: first byte, a multiple of `alignment`, and length of each. */
export function pieces(
  bytes: number,
  maximumBinding: number,
  alignment = BINDING_ALIGNMENT,
): { first: number; bytes: number }[] {
  const largest = Math.floor(maximumBinding / alignment) * alignment;
  return Array.from({ length: Math.ceil(bytes / largest) }, (_, i) => ({
    first: i * largest,
    bytes: Math.min(largest, bytes - i * largest),
  }));
}

export interface GpuMemory {
  buffers: number;
  bytes: number;
}

export class Device {
  readonly gpu: GPUDevice;
  #failure: VitrineError | undefined;
  #disposed = false;
  #buffers = 0;
  #bytes = 0;

  constructor(gpu: GPUDevice, adapter: string) {
    this.gpu = gpu;
    gpu.lost.then(({ reason, message }) => {
      if (this.#disposed) return;
      this.#failure ??= new VitrineError(
        "device/lost",
        `the WebGPU device on ${adapter} was lost (${message || reason || "no reason given"}): start again, or use --device wasm`,
        { details: { adapter, reason, message } },
      );
    });
    gpu.addEventListener("uncapturederror", (event) => {
      this.#failure ??= fromGpuError((event as GPUUncapturedErrorEvent).error);
    });
  }

  /**
   * Throws the first error that the device has reported: `device/lost`, `device/memory` or `internal/webgpu`; or
   * `device/disposed`.
   */
  check(): void {
    if (this.#disposed)
      throw new VitrineError(
        "device/disposed",
        "the webgpu executor was used after dispose(): create another one",
      );
    if (this.#failure) throw this.#failure;
  }

  /** A zeroed buffer of at least `bytes`. Throws `device/memory` where that exceeds the device's largest buffer. */
  createBuffer(bytes: number, purpose: string, usage: number = WORKING_USAGE): GPUBuffer {
    return this.createExactBuffer(alignBinding(Math.max(bytes, 1)), purpose, usage);
  }

  /** As `createBuffer`, with exactly `size` bytes: the buffer's size then gives the number of values. */
  createExactBuffer(size: number, purpose: string, usage: number = WORKING_USAGE): GPUBuffer {
    this.check();
    const { maxBufferSize } = this.gpu.limits;
    if (size > maxBufferSize) throw tooLarge(purpose, size, maxBufferSize);
    const buffer = this.gpu.createBuffer({ label: purpose, size, usage });
    this.#buffers++;
    this.#bytes += size;
    return buffer;
  }

  /** Destroys a buffer of `createBuffer`; called once for each. */
  destroyBuffer(buffer: GPUBuffer): void {
    buffer.destroy();
    this.#buffers--;
    this.#bytes -= buffer.size;
  }

  /** Buffers that were created and not destroyed, and their bytes. */
  get memory(): GpuMemory {
    return { buffers: this.#buffers, bytes: this.#bytes };
  }

  /**
   * Runs `work` and waits for its errors. Throws `device/memory` and `internal/webgpu`. Work that is known to be
   * valid does not need this wait.
   */
  async checked<T>(work: () => T | Promise<T>): Promise<T> {
    this.check();
    this.gpu.pushErrorScope("out-of-memory");
    this.gpu.pushErrorScope("validation");
    const outcome = await Promise.resolve()
      .then(work)
      .then(
        (result) => ({ result }),
        (cause: unknown) => ({ cause }),
      );
    const errors = [await this.gpu.popErrorScope(), await this.gpu.popErrorScope()];
    const error = errors.find((found) => found !== null);
    if ("cause" in outcome) throw outcome.cause;
    if (error) throw fromGpuError(error);
    this.check();
    return outcome.result;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.gpu.destroy();
  }
}

function tooLarge(purpose: string, bytes: number, limitBytes: number): VitrineError {
  return new VitrineError(
    "device/memory",
    `${purpose}: ${formatBytes(bytes)}, the largest buffer of this device holds ${formatBytes(limitBytes)}: use a smaller batch (--batch-size) or model`,
    { details: { bytes, limitBytes } },
  );
}

function fromGpuError(error: GPUError): VitrineError {
  const text = error.message.trim().split("\n")[0] ?? "";
  if (error.constructor.name === "GPUOutOfMemoryError")
    return new VitrineError(
      "device/memory",
      `the GPU is out of memory (${text}): use a smaller batch (--batch-size) or model`,
    );
  return new VitrineError(
    "internal/webgpu",
    `WebGPU rejected a command: ${error.message.trim()}; please report it, and use --device wasm`,
  );
}

// Buffers: the usages of WebGPU buffers by name, and the alignment of what is bound.
