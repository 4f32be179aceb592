// Executable: a program with its dispatches. A run writes the inputs, submits one command buffer, reads the outputs.

import { VitrineError } from "../../errors.js";
import type { Program, ProgramInputs, ProgramOutputs } from "../../graph/program.js";
import { type Tensor, type TensorId, tensorBytes } from "../../graph/tensor.js";
import type { Executable, Store } from "../executor.js";
import type { Arena } from "./arena.js";
import { alignBinding, type Slice } from "./buffers.js";
import { Commands } from "./commands.js";
import type { Device } from "./device.js";
import { encodeProgram } from "./encode.js";
import type { Kernels } from "./kernels.js";
import { Operands } from "./operands.js";
import type { Staging } from "./staging.js";
import { checkedInput, fromBytes, toBytes } from "./values.js";

/** What an executor shares among its programs. */
export interface Workplace {
  device: Device;
  kernels: Kernels;
  arena: Arena;
  staging: Staging;
}

/** Bind groups name a buffer, so they hold as long as the arena is that one. */
interface Prepared {
  arena: GPUBuffer;
  operands: Operands;
  commands: Commands;
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
    const { buffer } = arena;
    if (this.#prepared?.arena === buffer) return this.#prepared;
    const operands = new Operands(this.#program, {
      arena: buffer,
      constants: this.#constants,
      stores: this.#stores,
      maximumBinding: device.gpu.limits.maxStorageBufferBindingSize,
    });
    const scratch = this.#scratchFor(operands);
    const dispatches = encodeProgram(this.#program, operands, scratch);
    this.#prepared?.commands.dispose();
    this.#prepared = undefined;
    const commands = await Commands.prepare(device, kernels, this.#program.name, dispatches);
    this.#prepared = { arena: buffer, operands, commands };
    return this.#prepared;
  }

  /** One buffer, as large as the largest wish, which a first pass over the program finds out. */
  #scratchFor(operands: Operands): (bytes: number) => Slice {
    if (!this.#scratch) {
      let largest = 0;
      const placeholder = this.#place.device.createBuffer(4, "nothing yet");
      encodeProgram(this.#program, operands, (bytes) => {
        largest = Math.max(largest, bytes);
        return { buffer: placeholder, offset: 0, bytes };
      });
      placeholder.destroy();
      this.#scratch = this.#place.device.createBuffer(largest, `the scratch of ${this.#program.name}`);
    }
    const buffer = this.#scratch;
    return (bytes) => ({ buffer, offset: 0, bytes });
  }

  async run(inputs: ProgramInputs): Promise<ProgramOutputs> {
    if (this.#disposed)
      throw new VitrineError("graph/disposed", `${this.#program.name}: run() after dispose()`);
    const { device, staging, arena } = this.#place;
    device.check();
    const values = this.#checkInputs(inputs);
    let prepared = this.#prepared;
    while (prepared?.arena !== arena.buffer) prepared = await this.#prepare();
    // From here to the submission nothing waits, so that no other program's run comes between.
    for (const [id, given] of values) {
      const { buffer, offset } = prepared.operands.place(id);
      const bytes = toBytes(given);
      device.gpu.queue.writeBuffer(buffer, offset, bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const encoder = device.gpu.createCommandEncoder({ label: this.#program.name });
    prepared.commands.encode(encoder);
    const outputs = this.#outputPlaces();
    const staged = staging.take(outputs.bytes);
    for (const { id, at } of outputs.places) {
      const { buffer, offset, bytes } = prepared.operands.place(id);
      encoder.copyBufferToBuffer(buffer, offset, staged.buffer, at, bytes);
    }
    device.gpu.queue.submit([encoder.finish()]);
    const bytes = await staged.read();
    return Object.fromEntries(
      outputs.places.map(({ name, id, at }) => [name, fromBytes(bytes, at, this.#tensor(id))]),
    );
  }

  #tensor(id: TensorId): Tensor {
    return this.#program.graph.tensors[id] as Tensor;
  }

  #checkInputs(inputs: ProgramInputs): [TensorId, ProgramInputs[string]][] {
    const { graph, placements, name } = this.#program;
    for (const given of Object.keys(inputs)) {
      if (!graph.inputs.has(given))
        throw new VitrineError(
          "graph/input",
          `${name}: there is no input ${given}, only ${[...graph.inputs.keys()].join(", ")}`,
        );
    }
    // What no operation reads has no place and need not be given.
    return [...graph.inputs]
      .filter(([, id]) => placements.has(id))
      .map(([input, id]) => [id, checkedInput(name, input, this.#tensor(id), inputs[input])]);
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
    this.#scratch?.destroy();
    for (const { buffer } of this.#constants.values()) buffer.destroy();
    this.#leaveArena();
  }
}
