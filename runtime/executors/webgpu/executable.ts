// Executable: a program with its dispatches. A run writes the inputs, submits one command buffer and reads the outputs.

import { VitrineError } from "../../errors.js";
import { tensorsChanged, tensorsRead } from "../../graph/graph.js";
import type { Program, ProgramInputs, ProgramOutputs } from "../../graph/program.js";
import { elementCount, type Tensor, type TensorId, tensorBytes } from "../../graph/tensor.js";
import type { DeviceArray, ProgramStores } from "../device-store.js";
import type { DeviceInputs, Executable } from "../executor.js";
import { checkedInputs, isDeviceArray } from "../program-inputs.js";
import type { Arena, Pieces } from "./arena.js";
import { ComputePass, type PassContext } from "./compute-pass.js";
import { alignBinding, type Slice } from "./device.js";
import { encodeProgram } from "./encode.js";
import { Operands, type Scratch } from "./operands.js";
import { type HalfCopy, WebgpuStore } from "./store.js";
import type { TileTable } from "./tier.js";
import { BufferArray, fromBytes, type Staging, toBytes } from "./transfer.js";

/** What the programs of an executor share. */
export interface ExecutionContext extends PassContext {
  arena: Arena;
  staging: Staging;
  tiles: TileTable;
}

/** Everything that depends on the arena's buffers, which bind groups refer to. */
interface Prepared {
  pieces: Pieces;
  operands: Operands;
  pass: ComputePass;
  /** Float16 copies of stores that the pass reads. */
  copies: readonly HalfCopy[];
}

export class WebgpuExecutable implements Executable {
  readonly #context: ExecutionContext;
  readonly #program: Program;
  readonly #stores: ReadonlyMap<string, WebgpuStore>;
  /** Stores that a run changes. */
  readonly #changed: readonly WebgpuStore[];
  readonly #leaveArena: () => void;
  readonly #constants = new Map<TensorId, Slice>();
  #scratch: GPUBuffer | undefined;
  #prepared: Prepared | undefined;
  #disposed = false;

  private constructor(context: ExecutionContext, program: Program, stores: ProgramStores) {
    this.#context = context;
    this.#program = program;
    const { operations } = program.graph;
    const changed = storesOf(program, operations.flatMap(tensorsChanged), stores);
    this.#stores = new Map([...storesOf(program, operations.flatMap(tensorsRead), stores), ...changed]);
    this.#changed = [...changed.values()];
    this.#leaveArena = context.arena.demand(program.arenaBytes);
  }

  /**
   * Throws `internal/kernels`, `device/memory`, `graph/memory` where a tensor exceeds the largest binding, and
   * `graph/unknown-store`.
   */
  static async compile(
    context: ExecutionContext,
    program: Program,
    stores: ProgramStores,
  ): Promise<WebgpuExecutable> {
    return context.device.checked(async () => {
      const executable = new WebgpuExecutable(context, program, stores);
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

  /** Number of dispatches in a run. */
  get dispatches(): number {
    return this.#prepared?.pass.count ?? 0;
  }

  #writeConstants(): void {
    const { device } = this.#context;
    for (const { id, name, origin } of this.#program.graph.tensors) {
      if (origin.kind !== "constant" || !this.#program.placements.has(id)) continue;
      const buffer = device.createBuffer(origin.values.byteLength, name);
      const values = new Float32Array(origin.values);
      device.gpu.queue.writeBuffer(buffer, 0, values);
      this.#constants.set(id, { buffer, offset: 0, bytes: values.byteLength });
    }
  }

  /** The pass; its bind groups are made again where another program has replaced the arena's buffers since. */
  async #prepare(): Promise<Prepared> {
    const { device, arena, tiles, tier } = this.#context;
    const { pieces } = arena;
    if (this.#prepared?.pieces === pieces) return this.#prepared;
    const operands = new Operands(this.#program, {
      arena: (offset, bytes) => arena.slice(offset, bytes),
      constants: this.#constants,
      stores: this.#stores,
      maximumBinding: device.gpu.limits.maxStorageBufferBindingSize,
      tiles,
      matrix: tier.matrix,
    });
    const dispatches = encodeProgram(this.#program, operands, this.#scratchFor(operands));
    this.#prepared?.pass.dispose();
    this.#prepared = undefined;
    const pass = await ComputePass.prepare(this.#context, this.#program.name, dispatches);
    const copies = [...operands.halvedStores].flatMap((name) => this.#stores.get(name)?.halves ?? []);
    await Promise.all(copies.map((copy) => copy.prepare()));
    this.#prepared = { pieces, operands, pass, copies };
    return this.#prepared;
  }

  /** One buffer of the largest size that any operation asks for, which a first pass over the program finds. */
  #scratchFor(operands: Operands): Scratch {
    if (!this.#scratch) {
      let largest = 0;
      const probe = this.#context.device.createBuffer(4, "the probe of scratch sizes");
      encodeProgram(this.#program, operands, (bytes) => {
        largest = Math.max(largest, bytes);
        return { buffer: probe, offset: 0, bytes };
      });
      this.#context.device.destroyBuffer(probe);
      this.#scratch = this.#context.device.createBuffer(largest, `the scratch of ${this.#program.name}`);
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
      const taken = this.#context.staging.take(all);
      for (const { id, at } of places) {
        const { buffer, offset, bytes } = operands.slice(id);
        encoder.copyBufferToBuffer(buffer, offset, taken.buffer, at, bytes);
      }
      return taken;
    });
    const outputs = staged
      .read()
      .then((bytes) =>
        Object.fromEntries(places.map(({ name, id, at }) => [name, fromBytes(bytes, at, this.#tensor(id))])),
      );
    // A caller that awaits the outputs sees the failure; a caller that ignores them must not crash the process.
    outputs.catch(() => {});
    return { outputs };
  }

  async runOnDevice(inputs: DeviceInputs): Promise<Record<string, DeviceArray>> {
    const { device, staging } = this.#context;
    return this.#submit(inputs, (encoder, operands) =>
      Object.fromEntries(
        [...this.#program.graph.outputs].map(([name, id]) => {
          const array = new BufferArray(device, staging, elementCount(this.#tensor(id).shape));
          array.copyFrom(encoder, operands.slice(id));
          return [name, array];
        }),
      ),
    );
  }

  /** Writes the inputs and submits every dispatch, followed by the copies of results that `collect` encodes. */
  async #submit<T>(
    inputs: DeviceInputs,
    collect: (encoder: GPUCommandEncoder, operands: Operands) => T,
  ): Promise<T> {
    if (this.#disposed)
      throw new VitrineError("graph/disposed", `${this.#program.name}: run() after dispose()`);
    const { device, arena } = this.#context;
    device.check();
    const values = checkedInputs(this.#program, inputs);
    let prepared = this.#prepared;
    while (prepared?.pieces !== arena.pieces) prepared = await this.#prepare();
    // No await from here to the submission, so that no other program can run in between.
    const encoder = device.gpu.createCommandEncoder({ label: this.#program.name });
    for (const [id, given] of values) {
      const { buffer, offset } = prepared.operands.slice(id);
      if (isDeviceArray(given)) {
        encoder.copyBufferToBuffer(given.deviceBuffer(), 0, buffer, offset, 4 * given.count);
        continue;
      }
      const bytes = toBytes(given);
      device.gpu.queue.writeBuffer(buffer, offset, bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    for (const copy of prepared.copies) copy.encode(encoder);
    prepared.pass.encode(encoder);
    for (const store of this.#changed) store.expire();
    const collected = collect(encoder, prepared.operands);
    device.gpu.queue.submit([encoder.finish()]);
    return collected;
  }

  #tensor(id: TensorId): Tensor {
    return this.#program.graph.tensors[id];
  }

  /** Where each output starts in the staging buffer. */
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
    this.#prepared?.pass.dispose();
    const { device } = this.#context;
    if (this.#scratch) device.destroyBuffer(this.#scratch);
    for (const { buffer } of this.#constants.values()) device.destroyBuffer(buffer);
    this.#leaveArena();
  }
}

/** The stores that these tensors are in. Throws `graph/unknown-store`. */
function storesOf(
  { name: program, graph }: Program,
  tensors: readonly TensorId[],
  given: ProgramStores,
): ReadonlyMap<string, WebgpuStore> {
  const found = new Map<string, WebgpuStore>();
  for (const id of tensors) {
    const { origin } = graph.tensors[id];
    if (origin.kind !== "store") continue;
    const store = given.get(origin.store);
    if (!(store instanceof WebgpuStore)) {
      const reason = store ? "belongs to another executor" : "is missing";
      throw new VitrineError("graph/unknown-store", `${program}: store ${origin.store} ${reason}`, {
        details: { store: origin.store },
      });
    }
    found.set(origin.store, store);
  }
  return found;
}
