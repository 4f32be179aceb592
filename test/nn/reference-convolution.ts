// Reference implementations of conv2d.ts, batch-norm.ts and channels.ts in double: every value by its definition,
// channels last.

type Values = ArrayLike<number>;

export interface ConvolutionShape {
  batch: number;
  height: number;
  width: number;
  inputs: number;
  outputs: number;
  kernel: number;
  stride: number;
  padding: number;
  groups: number;
}

export function outputSize(side: number, { kernel, stride, padding }: ConvolutionShape): number {
  return Math.floor((side + 2 * padding - kernel) / stride) + 1;
}

/** Every product of a convolution: indices into y, x and weight [outputs, kernel, kernel, inputs/groups]. */
export function eachProduct(
  shape: ConvolutionShape,
  visit: (y: number, x: number, weight: number) => void,
): void {
  const { batch, height, width, inputs, outputs, kernel, stride, padding, groups } = shape;
  const [rows, columns] = [outputSize(height, shape), outputSize(width, shape)];
  const [groupInputs, groupOutputs] = [inputs / groups, outputs / groups];
  const inside = (row: number, column: number) => row >= 0 && row < height && column >= 0 && column < width;
  const tap = (at: number[], ky: number, kx: number) => {
    const [image, outRow, outColumn] = at as [number, number, number];
    const [row, column] = [outRow * stride - padding + ky, outColumn * stride - padding + kx];
    if (!inside(row, column)) return;
    const pixel = ((image * rows + outRow) * columns + outColumn) * outputs;
    for (let o = 0; o < outputs; o++) {
      const first = Math.floor(o / groupOutputs) * groupInputs;
      for (let i = 0; i < groupInputs; i++) {
        const x = ((image * height + row) * width + column) * inputs + first + i;
        visit(pixel + o, x, ((o * kernel + ky) * kernel + kx) * groupInputs + i);
      }
    }
  };
  for (let image = 0; image < batch; image++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        for (let place = 0; place < kernel * kernel; place++)
          tap([image, row, column], Math.floor(place / kernel), place % kernel);
}

/** y [batch, rows, columns, outputs]. */
export function referenceConvolution(
  x: Values,
  weight: Values,
  bias: Values | undefined,
  shape: ConvolutionShape,
): Float64Array {
  const { batch, outputs } = shape;
  const y = new Float64Array(
    batch * outputSize(shape.height, shape) * outputSize(shape.width, shape) * outputs,
  );
  if (bias) for (let i = 0; i < y.length; i++) y[i] = bias[i % outputs];
  eachProduct(shape, (to, from, w) => {
    y[to] = y[to] + x[from] * weight[w];
  });
  return y;
}

export interface BatchNormReference {
  y: Float64Array;
  mean: Float64Array;
  /** Divided by the rows. */
  variance: Float64Array;
}

/** x [rows, channels]. */
export function referenceBatchNorm(
  x: Values,
  weight: Values,
  bias: Values,
  epsilon: number,
): BatchNormReference {
  const channels = weight.length;
  const rows = x.length / channels;
  const reference = {
    y: new Float64Array(x.length),
    mean: new Float64Array(channels),
    variance: new Float64Array(channels),
  };
  for (let c = 0; c < channels; c++) {
    const column = Array.from({ length: rows }, (_, r) => x[r * channels + c]);
    const mean = column.reduce((a, b) => a + b, 0) / rows;
    const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows;
    reference.mean[c] = mean;
    reference.variance[c] = variance;
    for (const [r, value] of column.entries())
      reference.y[r * channels + c] = ((value - mean) / Math.sqrt(variance + epsilon)) * weight[c] + bias[c];
  }
  return reference;
}

/** dx, Σ dy·x̂ and Σ dy, the formulas of Ioffe and Szegedy, arXiv 1502.03167 §3. */
export function referenceBatchNormBackward(dy: Values, x: Values, weight: Values, epsilon: number) {
  const channels = weight.length;
  const rows = x.length / channels;
  const { mean, variance } = referenceBatchNorm(x, weight, weight, epsilon);
  const dx = new Float64Array(x.length);
  const [dWeight, dBias] = [new Float64Array(channels), new Float64Array(channels)];
  for (let c = 0; c < channels; c++) {
    const rstd = 1 / Math.sqrt(variance[c] + epsilon);
    const normal = (r: number) => (x[r * channels + c] - mean[c]) * rstd;
    const slope = (r: number) => dy[r * channels + c];
    for (let r = 0; r < rows; r++) {
      dWeight[c] = dWeight[c] + slope(r) * normal(r);
      dBias[c] = dBias[c] + slope(r);
    }
    for (let r = 0; r < rows; r++) {
      const centered = slope(r) - dBias[c] / rows - (normal(r) * dWeight[c]) / rows;
      dx[r * channels + c] = rstd * weight[c] * centered;
    }
  }
  return { dx, dWeight, dBias };
}

/** x [batch, pixels, channels] → [batch, channels]: Σ over pixels of x·factor(index of x). */
export function referenceChannelSums(
  x: Values,
  batch: number,
  channels: number,
  factor: (index: number) => number,
): Float64Array {
  const sums = new Float64Array(batch * channels);
  const perImage = x.length / batch;
  for (let i = 0; i < x.length; i++) {
    const to = Math.floor(i / perImage) * channels + (i % channels);
    sums[to] = sums[to] + x[i] * factor(i);
  }
  return sums;
}
