// Reference implementation of gemm.ts and linear.ts: products in double, one triple loop, with the error a float32
// chain may have.

/** Half the spacing of float32 numbers around 1. */
const UNIT = 2 ** -24;

export interface Product {
  values: Float64Array;
  /** Largest error of a float32 sum of these products in any order: terms·u·Σ|a·b|, with two spare roundings. */
  allowed: Float64Array;
}

type Factor = (row: number, column: number) => number;

/** a [m, k] · b [k, n] (+ start [m, n]) */
export function referenceProduct(
  m: number,
  n: number,
  k: number,
  a: Factor,
  b: Factor,
  start: Factor = () => 0,
): Product {
  const values = new Float64Array(m * n);
  const allowed = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = start(i, j);
      let size = Math.abs(sum);
      for (let l = 0; l < k; l++) {
        const product = a(i, l) * b(l, j);
        sum += product;
        size += Math.abs(product);
      }
      values[i * n + j] = sum;
      allowed[i * n + j] = (k + 3) * UNIT * size + 1e-30;
    }
  }
  return { values, allowed };
}

/** Row-major view of an array. */
export function matrix(values: ArrayLike<number>, columns: number): Factor {
  return (row, column) => values[row * columns + column];
}

export function transposed(factor: Factor): Factor {
  return (row, column) => factor(column, row);
}

/** Column sums [n] of x [m, n], added to start. */
export function referenceColumnSums(
  x: ArrayLike<number>,
  start: ArrayLike<number>,
  m: number,
  n: number,
): Product {
  const column = matrix(x, n);
  return referenceProduct(
    1,
    n,
    m,
    () => 1,
    column,
    (_, j) => start[j],
  );
}
