// Int8 store: matrices packed once as the int8 product reads them (assembly/nn/linear-int8.ts), for all programs.

import { VitrineError } from "../../errors.js";
import type { Int8Matrix } from "../../weights/int8-matrix.js";
import type { Int8Store } from "../executor.js";
import type { LinearMemory, Piece } from "./linear-memory.js";
import type { Turns } from "./turns.js";

/** Outputs of a panel. */
const PANEL = 8;
const MATRIX_ALIGNMENT = 64;

const panelsOf = (outputs: number): number => Math.ceil(outputs / PANEL);
const pairsOf = (inputs: number): number => Math.ceil(inputs / 2);

/** int16 panels [⌈N/8⌉, ⌈K/2⌉, 8, 2] and float32 scales [8·⌈N/8⌉]. */
export function packedBytes(outputs: number, inputs: number): number {
  return PANEL * panelsOf(outputs) * (4 * pairsOf(inputs) + 4);
}

/** Writes the panels and the scales behind them; `target` is full of zeros. */
export function packInt8Matrix(matrix: Int8Matrix, target: Uint8Array): void {
  const { values, scales, outputs, inputs } = matrix;
  const pairs = pairsOf(inputs);
  const panelBytes = PANEL * 4 * pairs;
  const panels = new Int16Array(target.buffer, target.byteOffset, (panelsOf(outputs) * panelBytes) / 2);
  for (let output = 0; output < outputs; output++) {
    const place = (Math.floor(output / PANEL) * panelBytes) / 2 + 2 * (output % PANEL);
    for (let input = 0; input < inputs; input++)
      panels[place + (input >> 1) * 2 * PANEL + (input & 1)] = values[output * inputs + input] as number;
  }
  new Float32Array(target.buffer, target.byteOffset + panels.byteLength, outputs).set(scales);
}

export class WasmInt8Store implements Int8Store {
  readonly #memory: LinearMemory;
  readonly #turns: Turns;
  readonly #offsets = new Map<string, number>();
  #piece: Piece | undefined;
  readonly bytes: number;

  constructor(memory: LinearMemory, turns: Turns, matrices: ReadonlyMap<string, Int8Matrix>) {
    this.#memory = memory;
    this.#turns = turns;
    let offset = 0;
    for (const [name, { outputs, inputs }] of matrices) {
      this.#offsets.set(name, offset);
      offset += Math.ceil(packedBytes(outputs, inputs) / MATRIX_ALIGNMENT) * MATRIX_ALIGNMENT;
    }
    this.bytes = offset;
    const piece = memory.allocate(offset, `a store of ${matrices.size} int8 matrices`);
    this.#piece = piece;
    for (const [name, matrix] of matrices) {
      const bytes = packedBytes(matrix.outputs, matrix.inputs);
      packInt8Matrix(matrix, memory.bytes(piece.address + (this.#offsets.get(name) as number), bytes));
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
    if (piece) this.#turns.afterwards(() => this.#memory.release(piece));
  }
}
