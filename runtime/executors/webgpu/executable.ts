// Executable: a program with its dispatches. A run writes the inputs, submits one command buffer, reads the outputs.

import { VitrineError } from "../../errors.js";
import type { Program, ProgramInputs, ProgramOutputs } from "../../graph/program.js";
import { elementCount } from "../../graph/shape.js";
import { type Tensor, type TensorId, tensorBytes } from "../../graph/tensor.js";
import type { DeviceArray, DeviceInputs, Executable, Store } from "../executor.js";
import { checkedInputs, isDeviceArray } from "../program-inputs.js";
import type { Arena, Pieces } from "./arena.js";
import { Commands } from "./compute-pass.js";
import type { Device } from "./device.js";
import { alignBinding, type Slice } from "./device.js";
import { encodeProgram } from "./encode.js";
import type { Kernels } from "./kernels.js";
import { Operands } from "./operands.js";
import type { TileTable } from "./product-tile.js";
import type { HalfCopy, WebgpuStore } from "./store.js";
import type { Tier } from "./tier.js";
import type { Staging } from "./transfer.js";
import { BufferArray, fromBytes, toBytes } from "./transfer.js";

/** What an executor shares among its programs. */
export interface Workplace {
  device: Device;
  kernels: Kernels;
  arena: Arena;
  staging: Staging;
  tiles: TileTable;
  tier: Tier;
}

/** Bind groups name buffers, so they hold as long as the arena has those. */
interface Prepared {
  pieces: Pieces;
  operands: Operands;
  commands: Commands;
  /** Copies of stores that the commands read. */
  copies: readonly HalfCopy[];
  /** Stores that the commands change. */
  changed: readonly WebgpuStore[];
}

export class WebgpuExecutable implements Executable {
  readonly #place: Workplace;
  readonly #program: Program;
  readonly #stores: ReadonlyMap<string, Store>;
  readonly #leaveArena: () => void;
  readonly #constants = new Map<TensorId, Slice>();
  #scratch: GPUBuffer | undefined;
  #prepared: Prepared | undefined;
  #disposed = false;

  private constructor(place: Workplace, program: Program, stores: ReadonlyMap<string, Store>) {
    this.#place = place;
    this.#program = program;
    this.#stores = stores;
    this.#leaveArena = place.arena.demand(program.arenaBytes);
  }

  /** Throws `internal/kernels`, `device/memory` and what operands throw. */
  static async compile(
    place: Workplace,
    program: Program,
    stores: ReadonlyMap<string, Store>,
  ): Promise<WebgpuExecutable> {
    return place.device.checked(async () => {
      const executable = new WebgpuExecutable(place, program, stores);
      try {
        executable.#writeConstants();
        await executable.#prepare();
        return executable;
      } catch (error) {
        executable.dispose();
        throw error;
      }
    });
  }

  /** Number of kernels a run starts. */
  get dispatches(): number {
    return this.#prepared?.commands.count ?? 0;
  }

  #writeConstants(): void {
    const { device } = this.#place;
    for (const { id, name, origin } of this.#program.graph.tensors) {
      if (origin.kind !== "constant" || !this.#program.placements.has(id)) continue;
      const buffer = device.createBuffer(origin.values.byteLength, name);
      const values = new Float32Array(origin.values);
      device.gpu.queue.writeBuffer(buffer, 0, values);
      this.#constants.set(id, { buffer, offset: 0, bytes: values.byteLength });
    }
  }

  /** The dispatches, bound anew where another program has made the arena larger since. */
  async #prepare(): Promise<Prepared> {
    const { device, kernels, arena } = this.#place;
    const { pieces } = arena;
    if (this.#prepared?.pieces === pieces) return this.#prepared;
    const operands = new Operands(this.#program, {
      arena,
      constants: this.#constants,
      stores: this.#stores,
      maximumBinding: device.gpu.limits.maxStorageBufferBindingSize,
      tiles: this.#place.tiles,
      matrix: this.#place.tier.matrix,
    });
    const scratch = this.#scratchFor(operands);
    const dispatches = encodeProgram(this.#program, operands, scratch);
    this.#prepared?.commands.dispose();
    this.#prepared = undefined;
    const commands = await Commands.prepare(
      device,
      kernels,
      this.#program.name,
      dispatches,
      this.#place.tier,
    );
    const copies = operands.halfCopies;
    await Promise.all(copies.map((copy) => copy.prepare()));
    this.#prepared = { pieces, operands, commands, copies, changed: operands.changedStores };
    return this.#prepared;
  }

  /** One buffer, as large as the largest wish, which a first pass over the program finds out. */
  #scratchFor(operands: Operands): (bytes: number) => Slice {
    if (!this.#scratch) {
      let largest = 0;
      const nowhere = this.#place.device.createBuffer(4, "nothing yet");
      encodeProgram(this.#program, operands, (bytes) => {
        largest = Math.max(largest, bytes);
        return { buffer: nowhere, offset: 0, bytes };
      });
      this.#place.device.destroyBuffer(nowhere);
      this.#scratch = this.#place.device.createBuffer(largest, `the scratch of ${this.#program.name}`);
    }
    const buffer = this.#scratch;
    return (bytes) => ({ buffer, offset: 0, bytes });
  }

  async run(inputs: ProgramInputs): Promise<ProgramOutputs> {
    return (await this.submit(inputs)).outputs;
  }

  async submit(inputs: DeviceInputs): Promise<{ outputs: Promise<ProgramOutputs> }> {
    const { places, bytes: all } = this.#outputPlaces();
    const staged = await this.#submit(inputs, (encoder, operands) => {
      const taken = this.#place.staging.take(all);
      for (const { id, at } of places) {
        const { buffer, offset, bytes } = operands.place(id);
        encoder.copyBufferToBuffer(buffer, offset, taken.buffer, at, bytes);
      }
      return taken;
    });
    const outputs = staged
      .read()
      .then((bytes) =>
        Object.fromEntries(places.map(({ name, id, at }) => [name, fromBytes(bytes, at, this.#tensor(id))])),
      );
    // A failure is told to whoever waits for the outputs; nobody has to.
    outputs.catch(() => {});
    return { outputs };
  }

  async runOnDevice(inputs: DeviceInputs): Promise<Record<string, DeviceArray>> {
    const { device, staging } = this.#place;
    return this.#submit(inputs, (encoder, operands) =>
      Object.fromEntries(
        [...this.#program.graph.outputs].map(([name, id]) => {
          const array = new BufferArray(device, staging, elementCount(this.#tensor(id).shape));
          array.copyFrom(encoder, operands.place(id));
          return [name, array];
        }),
      ),
    );
  }

  /** Writes the inputs and submits every dispatch, with the copies of results that `collect` encodes behind them. */
  async #submit<T>(
    inputs: DeviceInputs,
    collect: (encoder: GPUCommandEncoder, operands: Operands) => T,
  ): Promise<T> {
    if (this.#disposed)
      throw new VitrineError("graph/disposed", `${this.#program.name}: run() after dispose()`);
    const { device, arena } = this.#place;
    device.check();
    const values = checkedInputs(this.#program, inputs);
    let prepared = this.#prepared;
    while (prepared?.pieces !== arena.pieces) prepared = await this.#prepare();
    // From here to the submission nothing waits, so that no other program's run comes between.
    const encoder = device.gpu.createCommandEncoder({ label: this.#program.name });
    for (const [id, given] of values) {
      const { buffer, offset } = prepared.operands.place(id);
      if (isDeviceArray(given)) {
        encoder.copyBufferToBuffer(given.deviceBuffer(), 0, buffer, offset, 4 * given.count);
        continue;
      }
      const bytes = toBytes(given);
      device.gpu.queue.writeBuffer(buffer, offset, bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    for (const copy of prepared.copies) copy.encode(encoder);
    prepared.commands.encode(encoder);
    for (const store of prepared.changed) store.expire();
    const collected = collect(encoder, prepared.operands);
    device.gpu.queue.submit([encoder.finish()]);
    return collected;
  }

  #tensor(id: TensorId): Tensor {
    return this.#program.graph.tensors[id] as Tensor;
  }

  #outputPlaces(): { places: { name: string; id: TensorId; at: number }[]; bytes: number } {
    let bytes = 0;
    const places = [...this.#program.graph.outputs].map(([name, id]) => {
      const at = bytes;
      bytes += alignBinding(tensorBytes(this.#tensor(id)));
      return { name, id, at };
    });
    return { places, bytes };
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#prepared?.commands.dispose();
    const { device } = this.#place;
    if (this.#scratch) device.destroyBuffer(this.#scratch);
    for (const { buffer } of this.#constants.values()) device.destroyBuffer(buffer);
    this.#leaveArena();
  }
}
