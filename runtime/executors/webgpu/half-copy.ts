// Half copy: a store's values in float16 beside the float32 ones that training adds to. Products read the copy, with half the
// bytes; whatever changes the store makes it stale, and the next run that reads it makes it anew first.

import { pieces, type Slice } from "./buffers.js";
import { Commands } from "./commands.js";
import type { Device } from "./device.js";
import { type Dispatch, elementGrid } from "./dispatch.js";
import type { Kernels } from "./kernels.js";
import type { Tier } from "./tier.js";

/** What copies are made with. */
export interface HalfCopies {
  device: Device;
  kernels: Kernels;
  tier: Tier;
}

/** Offsets of float32 values whose halves may begin a binding. */
export const HALVED_ALIGNMENT = 512;

export class HalfCopy {
  readonly #place: HalfCopies;
  readonly #source: Slice;
  readonly #buffer: GPUBuffer;
  #commands: Promise<Commands> | undefined;
  #made: Commands | undefined;
  #stale = true;

  /** Of the whole of `source`, whose length is a multiple of `HALVED_ALIGNMENT`. Throws `device/memory`. */
  constructor(place: HalfCopies, source: Slice) {
    this.#place = place;
    this.#source = source;
    this.#buffer = place.device.createBuffer(source.bytes / 2, "a store's copy in float16");
  }

  get bytes(): number {
    return this.#buffer.size;
  }

  /** The copy of `bytes` of the source from `offset` on, which is a multiple of `HALVED_ALIGNMENT`. */
  slice(offset: number, bytes: number): Slice {
    return { buffer: this.#buffer, offset: offset / 2, bytes: Math.ceil(bytes / 8) * 4, half: true };
  }

  /** Makes the pipeline. Throws `internal/kernels`. */
  async prepare(): Promise<void> {
    const { device, kernels, tier } = this.#place;
    this.#commands ??= Commands.prepare(
      device,
      kernels,
      "a store's copy in float16",
      this.#dispatches(),
      tier,
    );
    this.#made = await this.#commands;
  }

  #dispatches(): Dispatch[] {
    const { bytes, ...source } = this.#source;
    const { maxStorageBufferBindingSize } = this.#place.device.gpu.limits;
    return pieces(bytes, maxStorageBufferBindingSize, HALVED_ALIGNMENT).map((piece) => ({
      kernel: "half-copy",
      operands: {
        x: { ...source, offset: piece.first, bytes: piece.bytes },
        y: this.slice(piece.first, piece.bytes),
      },
      numbers: [piece.bytes / 16],
      grid: elementGrid(piece.bytes / 16),
    }));
  }

  /** The source is about to be another. */
  expire(): void {
    this.#stale = true;
  }

  /** Brings a stale copy up to date in front of what `encoder` gets next; after `prepare`. */
  encode(encoder: GPUCommandEncoder): void {
    if (!this.#stale) return;
    this.#made?.encode(encoder);
    this.#stale = false;
  }

  dispose(): void {
    this.#place.device.destroyBuffer(this.#buffer);
    this.#made?.dispose();
  }
}
