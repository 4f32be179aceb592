// Scalar int8 linear layer: the reference implementation of assembly/nn/linear-int8.ts, step for step in float32, so
// that bits can be compared.

const { fround } = Math;

/** Largest |q| of a row of k values. */
export function referenceLevels(k: number): number {
  return Math.min(8191, Math.floor((2 ** 31 - 1) / (127 * k)));
}

/** Halves go to the even neighbor, as float32 addition rounds. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** A row of float32 → whole numbers and their scale. */
function referenceQuantizedRow(x: Float32Array): { values: number[]; scale: number } {
  const levels = referenceLevels(x.length);
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const factor = largest > 1e-30 ? fround(levels / largest) : 0;
  return {
    values: Array.from(x, (value) => roundHalfToEven(fround(value * factor))),
    scale: fround(largest / levels),
  };
}

export interface PlainInt8Layer {
  /** [outputs, inputs]. */
  values: Int8Array;
  scales: Float32Array;
  bias: Float32Array | undefined;
}

/** x [rows, inputs] → x·wᵀ + bias [rows, outputs]. The sums are integers below 2³¹, exact here and in the kernel. */
export function referenceInt8Linear(x: Float32Array, rows: number, layer: PlainInt8Layer): Float32Array {
  const { values, scales, bias } = layer;
  const outputs = scales.length;
  const inputs = values.length / outputs;
  const y = new Float32Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    const quantized = referenceQuantizedRow(x.subarray(row * inputs, (row + 1) * inputs));
    for (let output = 0; output < outputs; output++) {
      let sum = 0;
      quantized.values.forEach((q, input) => {
        sum += q * values[output * inputs + input];
      });
      const scaled = fround(fround(fround(sum) * quantized.scale) * scales[output]);
      y[row * outputs + output] = bias ? fround(scaled + bias[output]) : scaled;
    }
  }
  return y;
}
