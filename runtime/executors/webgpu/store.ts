// Store: named float32 tensors, contiguous in one buffer, so that a run of them is one operand; on tiers with float16
// also a copy of them in float16, which products read at half the bytes.

import { alignUp } from "../../bytes.js";
import { VitrineError } from "../../errors.js";
import type { DeviceArray, Store, StoreLayout } from "../device-store.js";
import { ComputePass, type PassContext } from "./compute-pass.js";
import { BINDING_ALIGNMENT, type Device, pieces, type Slice } from "./device.js";
import { type Dispatch, elementGrid } from "./dispatch.js";
import { BufferArray, type Staging } from "./transfer.js";

/** Offsets of float32 values whose float16 copies may start a binding. */
export const HALVED_ALIGNMENT = 512;

/** A store's values in float16. Any change of the store makes it stale; the next run that reads it updates it first. */
export class HalfCopy {
  readonly #context: PassContext;
  readonly #source: Slice;
  readonly #buffer: GPUBuffer;
  #prepared: Promise<ComputePass> | undefined;
  #pass: ComputePass | undefined;
  #stale = true;

  /** Of the whole of `source`, whose length is a multiple of `HALVED_ALIGNMENT`. Throws `device/memory`. */
  constructor(context: PassContext, source: Slice) {
    this.#context = context;
    this.#source = source;
    this.#buffer = context.device.createBuffer(source.bytes / 2, "a store's copy in float16");
  }

  get bytes(): number {
    return this.#buffer.size;
  }

  /** The copy of `bytes` of the source from `offset` on, a multiple of `HALVED_ALIGNMENT`. */
  slice(offset: number, bytes: number): Slice {
    return { buffer: this.#buffer, offset: offset / 2, bytes: Math.ceil(bytes / 8) * 4, half: true };
  }

  /** Compiles the kernel. Throws `internal/kernels`. */
  async prepare(): Promise<void> {
    this.#prepared ??= ComputePass.prepare(this.#context, "a store's copy in float16", this.#dispatches());
    this.#pass = await this.#prepared;
  }

  #dispatches(): Dispatch[] {
    const { bytes, ...source } = this.#source;
    const { maxStorageBufferBindingSize } = this.#context.device.gpu.limits;
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

  expire(): void {
    this.#stale = true;
  }

  /**
   * Encodes the update of a stale copy; call it after `prepare` and before encoding the commands that read the copy.
   */
  encode(encoder: GPUCommandEncoder): void {
    if (!this.#stale) return;
    this.#pass?.encode(encoder);
    this.#stale = false;
  }

  dispose(): void {
    this.#context.device.destroyBuffer(this.#buffer);
    this.#pass?.dispose();
  }
}

export class WebgpuStore implements Store {
  readonly #device: Device;
  readonly #staging: Staging;
  readonly #places = new Map<string, { offset: number; bytes: number }>();
  readonly #bytes: number;
  readonly #halfContext: PassContext | undefined;
  #buffer: GPUBuffer | undefined;
  #halves: HalfCopy | undefined;

  /**
   * Every tensor is aligned for a binding, and with `halfContext`, which makes the float16 copy, so is its copy; the
   * padding between two tensors is always zero.
   */
  constructor(device: Device, staging: Staging, layout: StoreLayout, halfContext?: PassContext) {
    this.#device = device;
    this.#staging = staging;
    this.#halfContext = halfContext;
    const alignment = halfContext ? HALVED_ALIGNMENT : BINDING_ALIGNMENT;
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

  /** The float16 copy, made on first use; undefined on tiers without one. */
  get halves(): HalfCopy | undefined {
    if (!this.#halfContext || !this.#buffer) return undefined;
    this.#halves ??= new HalfCopy(this.#halfContext, {
      buffer: this.#buffer,
      offset: 0,
      bytes: this.#bytes,
    });
    return this.#halves;
  }

  /** A tensor in the float16 copy. Throws `graph/unknown-tensor`. */
  half(name: string): Slice | undefined {
    const { offset, bytes } = this.#tensor(name);
    return this.halves?.slice(offset, bytes);
  }

  /** Marks the float16 copy as stale: a program is about to change the values. */
  expire(): void {
    this.#halves?.expire();
  }

  #tensor(name: string): Slice {
    if (!this.#buffer) throw new VitrineError("graph/disposed", `store: tensor ${name} used after dispose()`);
    const place = this.#places.get(name);
    if (place) return { buffer: this.#buffer, ...place };
    throw new VitrineError(
      "graph/unknown-tensor",
      `store: no tensor ${name} among its ${this.#places.size} tensors`,
      { details: { name } },
    );
  }

  /** From the first value of `first` to the last of `last`, gaps included. Throws `graph/unknown-tensor`. */
  slice(first: string, last: string): Slice {
    const from = this.#tensor(first);
    const to = this.#tensor(last);
    const bytes = to.offset - from.offset + to.bytes;
    if (bytes < from.bytes)
      throw new VitrineError("graph/unknown-tensor", `store: tensor ${last} comes before ${first}`);
    return { ...from, bytes };
  }

  /** The tensors of a run, each without the gap behind it. Throws as `slice`. */
  tensors(first: string, last: string): Slice[] {
    this.slice(first, last);
    const names = [...this.#places.keys()];
    return names.slice(names.indexOf(first), names.indexOf(last) + 1).map((name) => this.#tensor(name));
  }

  write(name: string, values: Float32Array): void {
    const { buffer, offset, bytes } = this.#tensor(name);
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
    const { buffer, offset, bytes } = this.#tensor(name);
    this.#device.check();
    const staged = this.#staging.take(bytes);
    const encoder = this.#device.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, staged.buffer, 0, bytes);
    this.#device.gpu.queue.submit([encoder.finish()]);
    return new Float32Array(await staged.read());
  }

  readOnDevice(name: string): DeviceArray {
    const slice = this.#tensor(name);
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
