// Int8 matrix: a linear layer's weight in eight bits with a scale per output, quantized and dequantized.

/** A linear layer's weight [outputs, inputs] in eight bits: weight[n, k] ≈ scales[n] · values[n, k]. */
export interface Int8Matrix {
  /** [outputs, inputs], −127 to 127. */
  values: Int8Array;
  /** [outputs], not negative. */
  scales: Float32Array;
  outputs: number;
  inputs: number;
}

/** Symmetric quantization: the largest weight of an output becomes ±127, and 0 stays 0. */
const MAX_VALUE = 127;

/** weight float32 [outputs, inputs] → the nearest int8 matrix; the scale of an output is its largest |weight| / 127. */
export function quantizeMatrix(weight: Float32Array, outputs: number, inputs: number): Int8Matrix {
  const values = new Int8Array(outputs * inputs);
  const scales = new Float32Array(outputs);
  for (let output = 0; output < outputs; output++) {
    const row = weight.subarray(output * inputs, (output + 1) * inputs);
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = Math.fround(largest / MAX_VALUE);
    scales[output] = scale;
    if (scale === 0) continue;
    row.forEach((value, input) => {
      values[output * inputs + input] = Math.max(-MAX_VALUE, Math.min(MAX_VALUE, Math.round(value / scale)));
    });
  }
  return { values, scales, outputs, inputs };
}

/** → float32 [outputs, inputs]; each value is a product, rounded once. */
export function dequantizeMatrix({ values, scales, inputs }: Int8Matrix): Float32Array {
  const weight = new Float32Array(values.length);
  scales.forEach((scale, output) => {
    for (let i = output * inputs; i < (output + 1) * inputs; i++) weight[i] = values[i] * scale;
  });
  return weight;
}
