// Executable: a program with its bytecode in linear memory. A run is one call into the module, or one wake-up of its
// threads.

import { VitrineError } from "../../errors.js";
import { tensorsChanged } from "../../graph/graph.js";
import type { Program, ProgramInputs, ProgramOutputs } from "../../graph/program.js";
import type { TensorId } from "../../graph/tensor.js";
import type { ProgramStores } from "../device-store.js";
import type { CompileOptions, Executable, OperationsDone } from "../executor.js";
import { checkedInputs } from "../program-inputs.js";
import { encodePacking, encodeProgram } from "./encode.js";
import type { Kernels } from "./kernels.js";
import type { Arena, Piece } from "./linear-memory.js";
import type { Mutex } from "./mutex.js";
import { Operands } from "./operands.js";
import { expectReadable, PackedWeights, type StaleWeight } from "./packed-weights.js";
import { WasmStore } from "./store.js";

interface Bytecode {
  piece: Piece;
  /** Address of the arena for which the bytecode was written; it is valid only there. */
  arena: number;
  operands: Operands;
  /** Instructions up to the end of each operation. */
  ends: Uint32Array;
}

/** Milliseconds between two looks at a run in progress. */
const LOOK_MS = 1;

export class WasmExecutable implements Executable {
  readonly #kernels: Kernels;
  readonly #mutex: Mutex;
  readonly #arena: Arena;
  readonly #program: Program;
  readonly #stores: ProgramStores;
  readonly #leaveArena: () => void;
  readonly #packed: PackedWeights | undefined;
  readonly #changes: readonly WasmStore[];
  #bytecode: Bytecode | undefined;
  #disposed = false;

  /** Call under the mutex: it may move the arena. */
  constructor(
    kernels: Kernels,
    mutex: Mutex,
    arena: Arena,
    program: Program,
    stores: ProgramStores,
    { frozenStores = false }: CompileOptions,
  ) {
    this.#kernels = kernels;
    this.#mutex = mutex;
    this.#arena = arena;
    this.#program = program;
    this.#stores = stores;
    this.#changes = changedStores(program, stores);
    this.#leaveArena = arena.demand(program.arenaBytes);
    try {
      if (frozenStores) this.#packed = new PackedWeights(program, stores);
      expectReadable(program, stores, this.#packed);
      this.#writeBytecode();
    } catch (error) {
      this.#leaveArena();
      throw error;
    }
  }

  /** The bytecode, rewritten where the arena has moved since. */
  #writeBytecode(): Bytecode {
    const arena = this.#arena.address;
    if (this.#bytecode?.arena === arena) return this.#bytecode;
    const { memory } = this.#kernels;
    const operands = new Operands(this.#program, this.#stores, arena, this.#packed);
    const { words, ends } = encodeProgram(this.#program, operands);
    const piece =
      this.#bytecode?.piece ?? memory.allocate(words.byteLength, `the bytecode of ${this.#program.name}`);
    memory.words(piece.address, words.length).set(words);
    this.#bytecode = { piece, arena, operands, ends };
    return this.#bytecode;
  }

  /** One run at a time: all programs share the arena. */
  async run(inputs: ProgramInputs, onDone?: OperationsDone): Promise<ProgramOutputs> {
    if (this.#disposed)
      throw new VitrineError("graph/disposed", `${this.#program.name}: run() after dispose()`);
    return this.#mutex.run(() => this.#runNow(inputs, onDone));
  }

  async #runNow(inputs: ProgramInputs, onDone?: OperationsDone): Promise<ProgramOutputs> {
    const { piece, operands, ends } = this.#writeBytecode();
    this.#writeConstants(operands);
    this.#writeInputs(inputs, operands);
    await this.#packStaleWeights();
    const { position } = this.#kernels;
    const look = () => onDone?.(operationsDone(ends, (position?.() ?? 1) - 1));
    const timer = onDone && position ? setInterval(look, LOOK_MS) : undefined;
    try {
      await this.#execute(piece);
    } finally {
      clearInterval(timer);
    }
    for (const store of this.#changes) store.changed();
    return this.#readOutputs(operands);
  }

  /** Panels are packed again after the weights were written: before the first run, and rarely after that. */
  async #packStaleWeights(): Promise<void> {
    const stale = this.#packed?.stale ?? [];
    await this.#pack(stale.filter(({ inPlace }) => !inPlace));
    const own = stale.filter(({ inPlace }) => inPlace);
    if (own.length === 0) return;
    const { memory } = this.#kernels;
    const largest = Math.max(...own.map(bytesOf));
    const copies = memory.allocate(Math.max(largest, COPIES_BYTES), `the packing of ${this.#program.name}`);
    try {
      for (const group of groupsOf(own, copies.bytes)) await this.#packInPlace(group, copies.address);
    } finally {
      memory.release(copies);
    }
  }

  async #packInPlace(group: readonly StaleWeight[], copies: number): Promise<void> {
    const bytes = new Uint8Array(this.#kernels.memory.memory.buffer);
    let copy = copies;
    const sources = group.map((each) => {
      bytes.copyWithin(copy, each.weight, each.weight + bytesOf(each));
      const source = { ...each, weight: copy };
      copy += bytesOf(each);
      return source;
    });
    await this.#pack(sources);
  }

  async #pack(weights: readonly StaleWeight[]): Promise<void> {
    if (weights.length === 0) return;
    const { memory } = this.#kernels;
    const words = encodePacking(weights);
    const bytecode = memory.allocate(words.byteLength, `the packing of ${this.#program.name}`);
    try {
      memory.words(bytecode.address, words.length).set(words);
      await this.#execute(bytecode);
    } finally {
      memory.release(bytecode);
    }
    for (const { made } of weights) made();
  }

  async #execute(bytecode: Piece): Promise<void> {
    const unknown = await this.#kernels.run(bytecode.address);
    if (unknown !== 0) {
      const name = `${this.#program.name}: instruction ${unknown} of its bytecode`;
      throw new VitrineError(
        "internal/bytecode",
        `${name} is unknown to the kernels: build them again (npm run build)`,
      );
    }
  }

  /** All programs share the arena, so another one may have overwritten the constants. */
  #writeConstants(operands: Operands): void {
    for (const { id, origin } of this.#program.graph.tensors) {
      if (origin.kind !== "constant" || !this.#program.placements.has(id)) continue;
      const { address, count } = operands.place(id);
      this.#kernels.memory.floats(address, count).set(origin.values);
    }
  }

  #writeInputs(inputs: ProgramInputs, operands: Operands): void {
    for (const [id, values] of checkedInputs(this.#program, inputs)) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      this.#kernels.memory.bytes(operands.place(id).address, bytes.length).set(bytes);
    }
  }

  #readOutputs(operands: Operands): ProgramOutputs {
    const outputs: ProgramOutputs = {};
    for (const [name, id] of this.#program.graph.outputs) outputs[name] = this.#readTensor(operands, id);
    return outputs;
  }

  #readTensor(operands: Operands, id: TensorId): Float32Array | Float64Array {
    const { dtype } = operands.tensor(id);
    const { address, count } = operands.place(id);
    const { memory } = this.#kernels;
    return dtype === "float64"
      ? memory.doubles(address, count).slice()
      : memory.floats(address, count).slice();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#mutex.defer(() => {
      if (this.#bytecode) this.#kernels.memory.release(this.#bytecode.piece);
      this.#leaveArena();
    });
  }
}

/** Weights are copied in groups, each of which is packed by one run. */
const COPIES_BYTES = 2 ** 21;

/** Of a weight whose panels are as large. */
const bytesOf = ({ inputs, outputs }: StaleWeight): number => 4 * inputs * outputs;

/** Consecutive weights of at most `limit` bytes together. */
function groupsOf(weights: readonly StaleWeight[], limit: number): StaleWeight[][] {
  const groups: StaleWeight[][] = [];
  let free = 0;
  for (const weight of weights) {
    if (bytesOf(weight) > free) {
      groups.push([]);
      free = limit;
    }
    groups.at(-1)?.push(weight);
    free -= bytesOf(weight);
  }
  return groups;
}

/** Operations that end with the first `instructions`. */
function operationsDone(ends: Uint32Array, instructions: number): number {
  const first = ends.findIndex((end) => end > instructions);
  return first < 0 ? ends.length : first;
}

/** Stores that a run adds to. */
function changedStores(program: Program, stores: ProgramStores): WasmStore[] {
  const names = program.graph.operations
    .flatMap(tensorsChanged)
    .map((id) => program.graph.tensors[id]?.origin)
    .map((origin) => (origin?.kind === "store" ? origin.store : undefined));
  return [...new Set(names)]
    .map((name) => (name === undefined ? undefined : stores.get(name)))
    .filter((store) => store instanceof WasmStore);
}
