// Store: named float32 tensors, one behind the other in a buffer, so that a run of them is one operand.

import { alignUp } from "../../bytes.js";
import { VitrineError } from "../../errors.js";
import type { DeviceArray, Store, StoreLayout } from "../executor.js";
import { Commands } from "./compute-pass.js";
import { BINDING_ALIGNMENT, type Device, pieces, type Slice } from "./device.js";
import { type Dispatch, elementGrid } from "./dispatch.js";
import type { Kernels } from "./kernels.js";
import type { Tier } from "./tier.js";
import type { Staging } from "./transfer.js";
import { BufferArray } from "./transfer.js";

export class WebgpuStore implements Store {
  readonly #device: Device;
  readonly #staging: Staging;
  readonly #places = new Map<string, { offset: number; bytes: number }>();
  readonly #bytes: number;
  readonly #copies: HalfCopies | undefined;
  #buffer: GPUBuffer | undefined;
  #halves: HalfCopy | undefined;

  /**
   * Every tensor begins where a binding may, with `copies` in its copy as well; the values between two tensors are zero and
   * stay so.
   */
  constructor(device: Device, staging: Staging, layout: StoreLayout, copies?: HalfCopies) {
    this.#device = device;
    this.#staging = staging;
    this.#copies = copies;
    const alignment = copies ? HALVED_ALIGNMENT : BINDING_ALIGNMENT;
    let offset = 0;
    for (const [name, count] of layout) {
      this.#places.set(name, { offset, bytes: 4 * count });
      offset += alignUp(4 * count, alignment);
    }
    this.#bytes = offset;
    this.#buffer = device.createBuffer(offset, `a store of ${layout.size} tensors`);
  }

  get bytes(): number {
    return this.#bytes + (this.#halves?.bytes ?? 0);
  }

  /** The values as float16, made when somebody asks first; undefined where the tier keeps none. */
  get halves(): HalfCopy | undefined {
    if (!this.#copies || !this.#buffer) return undefined;
    this.#halves ??= new HalfCopy(this.#copies, { buffer: this.#buffer, offset: 0, bytes: this.#bytes });
    return this.#halves;
  }

  /** A tensor's values as float16. Throws `graph/unknown-tensor`. */
  half(name: string): Slice | undefined {
    const { offset, bytes } = this.#slice(name);
    return this.halves?.slice(offset, bytes);
  }

  /** A program that is about to run changes the values. */
  expire(): void {
    this.#halves?.expire();
  }

  #slice(name: string): Slice {
    if (!this.#buffer)
      throw new VitrineError("graph/disposed", `store: tensor ${name} is asked for after dispose()`);
    const place = this.#places.get(name);
    if (place) return { buffer: this.#buffer, ...place };
    throw new VitrineError(
      "graph/unknown-tensor",
      `store: there is no tensor ${name} among ${this.#places.size}`,
      { details: { name } },
    );
  }

  /** From the first value of `first` to the last of `last`, gaps included. Throws `graph/unknown-tensor`. */
  run(first: string, last: string): Slice {
    const from = this.#slice(first);
    const to = this.#slice(last);
    const bytes = to.offset - from.offset + to.bytes;
    if (bytes < from.bytes)
      throw new VitrineError("graph/unknown-tensor", `store: tensor ${last} lies before ${first}`);
    return { ...from, bytes };
  }

  write(name: string, values: Float32Array): void {
    const { buffer, offset, bytes } = this.#slice(name);
    this.#device.check();
    if (values.byteLength !== bytes)
      throw new VitrineError(
        "graph/shape",
        `store: tensor ${name} holds ${bytes / 4} values, got ${values.length}`,
        { details: { name, wanted: bytes / 4, got: values.length } },
      );
    this.#device.gpu.queue.writeBuffer(buffer, offset, values.buffer, values.byteOffset, values.byteLength);
    this.expire();
  }

  async read(name: string): Promise<Float32Array> {
    const { buffer, offset, bytes } = this.#slice(name);
    this.#device.check();
    const staged = this.#staging.take(bytes);
    const encoder = this.#device.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, staged.buffer, 0, bytes);
    this.#device.gpu.queue.submit([encoder.finish()]);
    return new Float32Array(await staged.read());
  }

  readOnDevice(name: string): DeviceArray {
    const slice = this.#slice(name);
    const { gpu } = this.#device;
    const array = new BufferArray(this.#device, this.#staging, slice.bytes / 4);
    const encoder = gpu.createCommandEncoder();
    array.copyFrom(encoder, slice);
    gpu.queue.submit([encoder.finish()]);
    return array;
  }

  dispose(): void {
    if (this.#buffer) this.#device.destroyBuffer(this.#buffer);
    this.#halves?.dispose();
    this.#buffer = undefined;
    this.#halves = undefined;
  }
}

// Half copy: a store's values in float16 beside the float32 ones that training adds to. Products read the copy, with half the
// bytes; whatever changes the store makes it stale, and the next run that reads it makes it anew first.

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
