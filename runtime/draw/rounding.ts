// Rounding: Python's round(), to the nearest whole number and from the middle to the even one. Crops depend on it.

/** x ≥ 0 → nearest whole number, halves to even. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}
