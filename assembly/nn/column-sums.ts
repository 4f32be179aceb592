// Column sums: the gradient of a bias, sums [n] += Σ rows of x [m, n].
//
// Chunks of 64 rows are summed from zero and added in index order, so the rounding error grows with m/64 and not with
// m, and threads that take some columns each change no bit. Sixteen columns at a time: one cache line.

const CHUNK: usize = 64;

export function addColumnSums(x: usize, sums: usize, m: usize, n: usize): void {
  addSumsOfColumns(x, sums, m, n, n);
}

/** The same for n columns of a wider x, whose rows are `width` values apart. */
export function addSumsOfColumns(x: usize, sums: usize, m: usize, n: usize, width: usize): void {
  const stride = width << 2;
  for (let start: usize = 0; start < m; start += CHUNK) {
    const first = x + start * stride;
    const last = first + min(CHUNK, m - start) * stride;
    let column: usize = 0;
    for (; column + 16 <= n; column += 16) {
      const offset = column << 2;
      let s0 = f32x4.splat(0);
      let s1 = f32x4.splat(0);
      let s2 = f32x4.splat(0);
      let s3 = f32x4.splat(0);
      for (let row = first + offset, end = last + offset; row !== end; row += stride) {
        s0 = f32x4.add(s0, v128.load(row));
        s1 = f32x4.add(s1, v128.load(row, 16));
        s2 = f32x4.add(s2, v128.load(row, 32));
        s3 = f32x4.add(s3, v128.load(row, 48));
      }
      const to = sums + offset;
      v128.store(to, f32x4.add(v128.load(to), s0));
      v128.store(to, f32x4.add(v128.load(to, 16), s1), 16);
      v128.store(to, f32x4.add(v128.load(to, 32), s2), 32);
      v128.store(to, f32x4.add(v128.load(to, 48), s3), 48);
    }
    for (; column < n; column++) {
      const offset = column << 2;
      let sum: f32 = 0;
      for (let row = first + offset, end = last + offset; row !== end; row += stride) sum += load<f32>(row);
      store<f32>(sums + offset, load<f32>(sums + offset) + sum);
    }
  }
}
