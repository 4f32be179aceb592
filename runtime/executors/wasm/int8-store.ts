// Int8 store: matrices packed once as the int8 product reads them (assembly/nn/linear-int8.ts), for all programs.

import type { Int8Form } from "../../../assembly/nn/linear-forms.js";
import { VitrineError } from "../../errors.js";
import type { Int8Matrix } from "../../weights/int8-matrix.js";
import type { Int8Store } from "../executor.js";
import { packedBytes, packInt8Matrix } from "./int8-packing.js";
import type { LinearMemory, Piece } from "./linear-memory.js";
import type { Mutex } from "./mutex.js";

const MATRIX_ALIGNMENT = 64;

export class WasmInt8Store implements Int8Store {
  readonly #memory: LinearMemory;
  readonly #mutex: Mutex;
  readonly #offsets = new Map<string, number>();
  #piece: Piece | undefined;
  readonly bytes: number;
  /** How instructions that read these matrices compute. */
  readonly form: Int8Form;

  constructor(memory: LinearMemory, mutex: Mutex, matrices: ReadonlyMap<string, Int8Matrix>, form: Int8Form) {
    this.form = form;
    this.#memory = memory;
    this.#mutex = mutex;
    let offset = 0;
    for (const [name, { outputs, inputs }] of matrices) {
      this.#offsets.set(name, offset);
      offset += Math.ceil(packedBytes(outputs, inputs, form) / MATRIX_ALIGNMENT) * MATRIX_ALIGNMENT;
    }
    this.bytes = offset;
    const piece = memory.allocate(offset, `a store of ${matrices.size} int8 matrices`);
    this.#piece = piece;
    for (const [name, matrix] of matrices) {
      const bytes = packedBytes(matrix.outputs, matrix.inputs, form);
      packInt8Matrix(matrix, form, memory.bytes(piece.address + (this.#offsets.get(name) as number), bytes));
    }
  }

  /** Address of a packed matrix. Throws `graph/unknown-tensor`, and `graph/disposed` after dispose(). */
  addressOf(name: string): number {
    if (!this.#piece)
      throw new VitrineError("graph/disposed", `int8 store: matrix ${name} is asked for after dispose()`);
    const offset = this.#offsets.get(name);
    if (offset === undefined) {
      const text = `int8 store: there is no matrix ${name} among ${this.#offsets.size}`;
      throw new VitrineError("graph/unknown-tensor", text, { details: { name } });
    }
    return this.#piece.address + offset;
  }

  dispose(): void {
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece) this.#mutex.defer(() => this.#memory.release(piece));
  }
}
