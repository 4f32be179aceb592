// Reference implementation of layer-norm.ts in double.

export interface NormShape {
  rows: number;
  width: number;
  epsilon: number;
}

type Values = ArrayLike<number>;

function rowOf(x: Values, row: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => x[row * width + i] as number);
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
      y.push((value - mean) * rstd * (weight[i] as number) + (bias[i] as number));
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
    const g = d.map((value, i) => value * (weight[i] as number));
    const meanG = g.reduce((a, b) => a + b, 0) / width;
    const meanH = g.reduce((sum, value, i) => sum + value * (normal[i] as number), 0) / width;
    for (let i = 0; i < width; i++) {
      dx.push(rstd * ((g[i] as number) - meanG - (normal[i] as number) * meanH));
      dWeight[i] = (dWeight[i] as number) + (d[i] as number) * (normal[i] as number);
      dBias[i] = (dBias[i] as number) + (d[i] as number);
    }
  }
  return { dx, dWeight, dBias };
}
