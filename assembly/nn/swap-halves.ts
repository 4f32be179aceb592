// Swap halves: the halves of an array exchanged, a copy of 8·n bytes in all.

/** y [n] = x[n/2 … n − 1], x[0 … n/2 − 1]; n is even. */
export function swapHalves(x: usize, y: usize, n: usize): void {
  const half = n << 1;
  memory.copy(y, x + half, half);
  memory.copy(y + half, x, half);
}
