// Checks: what the debug build asserts about the memory that a kernel is given. A failed check is a trap that names the
// kernel in its stack. Call them behind `if (!ASC_NO_ASSERT)`: a release build then has neither the check nor the
// evaluation of its arguments, and the same bytes as without it.

/** `bytes` from `address` on are inside the linear memory; `address` is that of a float32 and not absent (0). */
export function assertFloats(address: usize, bytes: usize): void {
  if (!bytes) return;
  assert(address !== 0, "a required operand is absent");
  assert((address & 3) === 0, "an operand is not aligned to 4 bytes");
  assert(<u64>address + <u64>bytes <= (<u64>memory.size()) << 16, "an operand ends outside the memory");
}

/** The same for float32 [rows, columns] with `stride` bytes between rows that do not overlap. */
export function assertMatrix(address: usize, stride: usize, rows: usize, columns: usize): void {
  if (!rows || !columns) return;
  assert(rows === 1 || stride >= columns << 2, "rows of a matrix overlap");
  assertFloats(address, (rows - 1) * stride + (columns << 2));
}

/** `first` and `count` of a part are inside `total`. */
export function assertPart(first: usize, count: usize, total: usize): void {
  assert(count <= total && first <= total - count, "a part goes beyond its whole");
}
