// Int8 packing: a matrix as the int8 product reads it in each of its forms (assembly/nn/linear-int8.ts has the layout).

import { Int8Form } from "../../../assembly/nn/linear-forms.js";
import type { Int8Matrix } from "../../weights/int8-matrix.js";

/** Outputs of a panel, and what their number is filled up to. */
const PANEL = 8;
const UNIT = 16;
/** Bytes of a step in each output's part of a panel. */
const STEP_BYTES = 4;
/** What quantized rows are moved by in digits. */
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

/** Writes a packed matrix; `target` is full of zeros and begins at a multiple of 4. */
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
      const value = values[output * inputs + input] as number;
      const step = Math.floor(input / perStep);
      panels[place + step * PANEL * perStep + (input % perStep)] = value;
      sum += value;
    }
    // Wraps as the kernel's sums do.
    offsets[output] = DIGITS_ZERO * sum;
  }
  new Float32Array(buffer, byteOffset + panelsBytes, outputs).set(scales);
}
