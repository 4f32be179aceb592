// Executable: a program, interpreted operation by operation; each tensor is disposed of after its last use.

import { VitrineError } from "../../errors.js";
import type { Operation } from "../../graph/catalog.js";
import { tensorsChanged, tensorsRead } from "../../graph/graph.js";
import type { Program, ProgramInputs, ProgramOutputs } from "../../graph/program.js";
import { type Tensor as GraphTensor, type TensorId, tensorBytes } from "../../graph/tensor.js";
import type { DeviceArray, Store } from "../device-store.js";
import type { DeviceInputs, Executable } from "../executor.js";
import { checkedInputs, isDeviceArray } from "../program-inputs.js";
import type { Backend } from "./backend.js";
import { interpret } from "./interpret.js";
import type { Scalars } from "./operands.js";
import { Operands } from "./operands.js";
import type { Tensor } from "./tfjs.js";
import { readFloats, TensorArray, toTensor } from "./transfer.js";

type Output = [name: string, tensor: GraphTensor, values: Tensor];

export class TfjsExecutable implements Executable {
  readonly #backend: Backend;
  readonly #program: Program;
  readonly #stores: ReadonlyMap<string, Store>;
  readonly #scalars: Scalars;
  /** The program's constants and the tensors that each operation reads or changes last, by its index. */
  readonly #constants: [TensorId, Tensor][];
  readonly #lastUses: readonly (readonly TensorId[])[];
  #disposed = false;

  /** Throws `graph/unknown-store`, `graph/unknown-tensor` and `device/memory`. */
  constructor(backend: Backend, scalars: Scalars, program: Program, stores: ReadonlyMap<string, Store>) {
    this.#backend = backend;
    this.#scalars = scalars;
    this.#program = program;
    this.#stores = stores;
    this.#lastUses = lastUses(program);
    const at = this.#operands();
    for (const id of program.graph.operations.flatMap(operandsOf)) {
      if (program.graph.tensors[id]?.origin.kind === "store") at.pieces(id);
      else backend.expectRoom(bytesOf(this.#tensor(id)), `tensor ${this.#tensor(id).name}`);
    }
    const { tf } = backend;
    this.#constants = backend.within(() =>
      program.graph.tensors.flatMap(({ id, shape, origin }) =>
        origin.kind === "constant" && program.placements.has(id)
          ? [[id, tf.keep(toTensor(tf, origin.values, shape))]]
          : [],
      ),
    );
  }

  #operands(): Operands {
    return new Operands(this.#backend.tf, this.#program, this.#stores, this.#scalars);
  }

  #tensor(id: TensorId): GraphTensor {
    return this.#program.graph.tensors[id];
  }

  async run(inputs: ProgramInputs): Promise<ProgramOutputs> {
    const outputs = this.#start(inputs);
    const values = await Promise.all(outputs.map(([, , tensor]) => readFloats(this.#backend, tensor)));
    this.#backend.check();
    return Object.fromEntries(
      outputs.map(([name, { dtype }], i) => {
        const floats = values[i] as Float32Array;
        return [name, dtype === "float64" ? Float64Array.from(floats) : floats];
      }),
    );
  }

  async runOnDevice(inputs: DeviceInputs): Promise<Record<string, DeviceArray>> {
    const outputs = this.#start(inputs);
    return Object.fromEntries(
      outputs.map(([name, , tensor]) => [name, new TensorArray(this.#backend, tensor)]),
    );
  }

  /** Starts all operations without an await, so that no other program can run in between. */
  #start(inputs: DeviceInputs): Output[] {
    if (this.#disposed)
      throw new VitrineError("graph/disposed", `${this.#program.name}: run() after dispose()`);
    const given = checkedInputs(this.#program, inputs);
    return this.#backend.within(() => this.#interpretAll(given));
  }

  #interpretAll(given: [TensorId, DeviceInputs[string]][]): Output[] {
    const { graph } = this.#program;
    const { tf } = this.#backend;
    const at = this.#operands();
    try {
      tf.tidy(() => {
        for (const [id, values] of given) {
          if (values instanceof Float64Array) at.giveDoubles(id, values);
          else at.set(id, this.#given(id, values));
        }
        for (const [id, values] of this.#constants) at.set(id, values);
      });
      for (const [index, operation] of graph.operations.entries()) {
        interpret(operation, at);
        for (const id of this.#lastUses[index] ?? []) at.release(id);
      }
      return [...graph.outputs].map(([name, id]) => [name, this.#tensor(id), at.take(id)]);
    } finally {
      at.releaseAll();
    }
  }

  /** An input as a tensor; values that are already on the device are not copied. */
  #given(id: TensorId, values: Uint8Array | Float32Array | DeviceArray): Tensor {
    const { tf } = this.#backend;
    const { shape } = this.#tensor(id);
    if (values instanceof TensorArray) return values.view(shape);
    if (!isDeviceArray(values)) return toTensor(tf, values, shape);
    return tf.tensor({ buffer: values.deviceBuffer(), zeroCopy: true }, shape);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const [, tensor] of this.#constants) tensor.dispose();
  }
}

function operandsOf(operation: Operation): TensorId[] {
  return [...tensorsRead(operation), ...tensorsChanged(operation)];
}

/** tfjs keeps bytes as 32-bit integers. */
function bytesOf(tensor: GraphTensor): number {
  return tensorBytes(tensor) * (tensor.dtype === "uint8" ? 4 : 1);
}

/** For each operation the tensors that no later one needs; outputs are needed to the end. */
function lastUses({ graph }: Program): TensorId[][] {
  const last = new Map<TensorId, number>();
  for (const [index, operation] of graph.operations.entries())
    for (const id of operandsOf(operation)) last.set(id, index);
  for (const id of graph.outputs.values()) last.delete(id);
  const uses: TensorId[][] = graph.operations.map(() => []);
  for (const [id, index] of last) uses[index]?.push(id);
  return uses;
}
