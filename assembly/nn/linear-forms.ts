// Linear forms: variants of the linear layers' instructions, chosen besides their operands. Compiled by both compilers.

/** The function applied to a linear layer's result before the residual is added. */
export enum Activation {
  None = 0,
  Gelu = 1,
}

/**
 * How the int8 product computes; the packed weight is laid out for it. No bit depends on it.
 *
 * GOP/s of 197×192×768 with its quantization, best calls, Intel Xeon with AVX-512 and VNNI (float32: Node 20 55, Node
 * 24 106):
 *
 *                                 Node 20    Node 24   Node 24, 256-bit operations off
 *   pairs, 5 rows × 8 columns      75         139       81
 *   digits, 3 rows × 8             32         135       75
 *   digits, 3 × 16                 32         190       74     two digits of 7 bits in 8-bit instructions (VNNI)
 *
 * Node 20 has the instruction for digits only with a flag, without VNNI, and wrong in code of its baseline compiler:
 * there pairs are used. Elsewhere the forms' sums are compared before one is chosen (calibrate-int8.ts).
 */
export enum Int8Form {
  /** int16 weights, steps of k in pairs. */
  Pairs = 0,
  /** int8 weights, steps of k in groups of four, and rows in two digits; register blocks of 8 or 16 columns. */
  Digits8 = 8,
  Digits16 = 16,
}
