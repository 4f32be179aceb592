// Int8 store: matrices packed once as the int8 product reads them (assembly/nn/linear-int8.ts has the layouts), for all
// programs.

import { Int8Form } from "../../../assembly/nn/linear-forms.js";
import { VitrineError } from "../../errors.js";
import type { Int8Matrix } from "../../weights/int8-matrix.js";
import type { Int8Store } from "../device-store.js";
import type { LinearMemory, Piece } from "./linear-memory.js";
import type { Mutex } from "./mutex.js";

const MATRIX_ALIGNMENT = 64;

/** Outputs of a panel, and the multiple that their number is padded to. */
const PANEL = 8;
const UNIT = 16;
/** Bytes of a step in each output's part of a panel. */
const STEP_BYTES = 4;
/** Offset of quantized rows in digits. */
const DIGITS_ZERO = 8192;

interface Sizes {
  columns: number;
  /** Steps of k in STEP_BYTES. */
  perStep: number;
  panelBytes: number;
}

function sizesOf(outputs: number, inputs: number, form: Int8Form): Sizes {
  const columns = UNIT * Math.ceil(outputs / UNIT);
  const perStep = form === Int8Form.Pairs ? 2 : 4;
  return { columns, perStep, panelBytes: PANEL * STEP_BYTES * Math.ceil(inputs / perStep) };
}

/** Panels, float32 scales and int32 offsets. */
export function packedBytes(outputs: number, inputs: number, form: Int8Form): number {
  const { columns, panelBytes } = sizesOf(outputs, inputs, form);
  return (columns / PANEL) * panelBytes + 8 * columns;
}

/** Writes a packed matrix; `target` is zeroed and starts at a multiple of 4. */
export function packInt8Matrix(matrix: Int8Matrix, form: Int8Form, target: Uint8Array): void {
  const { values, scales, outputs, inputs } = matrix;
  const { columns, perStep, panelBytes } = sizesOf(outputs, inputs, form);
  const { buffer, byteOffset } = target;
  const panelsBytes = (columns / PANEL) * panelBytes;
  const [panels, panelLength] =
    form === Int8Form.Pairs
      ? [new Int16Array(buffer, byteOffset, panelsBytes / 2), panelBytes / 2]
      : [new Int8Array(buffer, byteOffset, panelsBytes), panelBytes];
  const offsets = new Int32Array(buffer, byteOffset + panelsBytes + 4 * columns, columns);
  for (let output = 0; output < outputs; output++) {
    const place = Math.floor(output / PANEL) * panelLength + perStep * (output % PANEL);
    let sum = 0;
    for (let input = 0; input < inputs; input++) {
      const value = values[output * inputs + input];
      const step = Math.floor(input / perStep);
      panels[place + step * PANEL * perStep + (input % perStep)] = value;
      sum += value;
    }
    // Wraps as the kernel's sums do.
    offsets[output] = DIGITS_ZERO * sum;
  }
  new Float32Array(buffer, byteOffset + panelsBytes, outputs).set(scales);
}

export class WasmInt8Store implements Int8Store {
  readonly #memory: LinearMemory;
  readonly #mutex: Mutex;
  readonly #offsets = new Map<string, number>();
  #piece: Piece | undefined;
  readonly bytes: number;
  /** Form of the instructions that read these matrices. */
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
      throw new VitrineError(
        "graph/disposed",
        `int8 store: matrix ${name} is read after dispose(): create the executor's store again`,
      );
    const offset = this.#offsets.get(name);
    if (offset === undefined) {
      const text = `int8 store: there is no matrix ${name} among ${this.#offsets.size}: the model and its int8 layers do not match`;
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
