// Reference implementation of layer-norm.ts in double.

export interface NormShape {
  rows: number;
  width: number;
  epsilon: number;
}

type Values = ArrayLike<number>;

function rowOf(x: Values, row: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => x[row * width + i]);
}

export function rowMoments(x: Values, row: number, { width, epsilon }: NormShape) {
  const values = rowOf(x, row, width);
  const mean = values.reduce((a, b) => a + b, 0) / width;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
  return { mean, rstd: 1 / Math.sqrt(variance + epsilon) };
}

export function referenceLayerNorm(x: Values, weight: Values, bias: Values, shape: NormShape): number[] {
  const y: number[] = [];
  for (let r = 0; r < shape.rows; r++) {
    const { mean, rstd } = rowMoments(x, r, shape);
    rowOf(x, r, shape.width).forEach((value, i) => {
      y.push((value - mean) * rstd * weight[i] + bias[i]);
    });
  }
  return y;
}

export function referenceLayerNormBackward(dy: Values, x: Values, weight: Values, shape: NormShape) {
  const { rows, width } = shape;
  const dx: number[] = [];
  const dWeight = new Float64Array(width);
  const dBias = new Float64Array(width);
  for (let r = 0; r < rows; r++) {
    const { mean, rstd } = rowMoments(x, r, shape);
    const normal = rowOf(x, r, width).map((value) => (value - mean) * rstd);
    const d = rowOf(dy, r, width);
    const g = d.map((value, i) => value * weight[i]);
    const meanG = g.reduce((a, b) => a + b, 0) / width;
    const meanH = g.reduce((sum, value, i) => sum + value * normal[i], 0) / width;
    for (let i = 0; i < width; i++) {
      dx.push(rstd * (g[i] - meanG - normal[i] * meanH));
      dWeight[i] = dWeight[i] + d[i] * normal[i];
      dBias[i] = dBias[i] + d[i];
    }
  }
  return { dx, dWeight, dBias };
}
