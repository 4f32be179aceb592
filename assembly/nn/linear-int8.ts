// Linear layer with int8 weights: y [M,N] = act(x·wᵀ + bias) + residual, w[n,k] ≈ scale[n]·weight[n,k].
//
// The weight lies packed: panels i16 [⌈N/8⌉, pairs, 8, 2], pairs = ⌈K/2⌉, values −127 … 127, what is missing 0; behind them
// scales f32 [8·⌈N/8⌉]. Rows of x are quantised as they come, each by its own scale (quantize-rows.ts), to as many of the
// 16 bits as the sum allows: products need int16 factors, so more than eight bits cost nothing.
//
// Sums are exact: |q| ≤ levels(K) and |weight| ≤ 127, and K·127·levels(K) < 2³¹. So neither threads nor tiles change a bit, and
// both builds agree up to GELU. 2·M·N·K operations and 2 bytes of weight for each.
//
// Rows go in blocks of 20: the panels (295 KiB for 192×768) come from the second-level cache once a block, the block itself
// (30 KiB at K = 768) stays near. Parts of an instruction are runs of such blocks cut in four across; a part quantises the
// rows that it needs itself, which costs less than a barrier.

import { residual as addResidual } from "./elementwise";
import { gelu } from "./gelu";
import { int8Rows1, int8Rows2, int8Rows3, int8Rows4, int8Rows5 } from "./micro-kernel-int8";
import { Activation } from "./opcodes";
import { quantizeRows } from "./quantize-rows";
import { panels as quantized, tile } from "./scratch";
import { count, cut, first } from "./share";

/** Rows of a register block. */
const STRIP: usize = 5;
/** Rows of a block, a multiple of STRIP. */
const BLOCK: usize = 20;
/** Pieces that a block of rows is cut into across the columns. */
const ACROSS: usize = 4;
/** 14 bits with the sign. */
const MOST_LEVELS: usize = 8191;

/** Largest |q| of a quantised row of `k` values, so that no sum leaves int32. */
function levelsOf(k: usize): usize {
  return min<usize>(MOST_LEVELS, 0x7fffffff / (127 * k));
}

export function linearInt8(
  x: usize,
  weight: usize,
  bias: usize,
  residual: usize,
  y: usize,
  m: usize,
  k: usize,
  n: usize,
  activation: u32,
): void {
  const panelCount = (n + 7) >> 3;
  const across = min<usize>(ACROSS, panelCount);
  const width = ((panelCount + across - 1) / across) << 3;
  cut(((m + BLOCK - 1) / BLOCK) * across, 1);
  let unit = first;
  const end = first + count;
  while (unit < end) {
    const row = (unit / across) * BLOCK;
    const from = (unit % across) * width;
    const pieces = min<usize>(across - (unit % across), end - unit);
    const to = min<usize>(n, from + pieces * width);
    if (from < to)
      rowsTimesPanels(x, weight, bias, residual, y, row, min(BLOCK, m - row), k, n, from, to, activation);
    unit += pieces;
  }
}

/** Rows `row` … `row + rows` of the result, columns `from` (a multiple of 8) … `to`. */
function rowsTimesPanels(
  x: usize,
  weight: usize,
  bias: usize,
  residual: usize,
  y: usize,
  row: usize,
  rows: usize,
  k: usize,
  n: usize,
  from: usize,
  to: usize,
  activation: u32,
): void {
  const pairs = (k + 1) >> 1;
  const panelBytes = pairs << 5;
  const columnScales = weight + ((n + 7) >> 3) * panelBytes;
  const a = quantized();
  const rowScales = a + BLOCK * (pairs << 2);
  const levels = <f32>levelsOf(k);
  for (let strip: usize = 0; strip < rows; strip += STRIP) {
    const source = x + (row + strip) * (k << 2);
    const target = a + strip * (pairs << 2);
    quantizeRows(source, min(STRIP, rows - strip), k, levels, target, rowScales + (strip << 2));
  }
  const stride = n << 2;
  const plain = activation === Activation.None;
  for (let column = from; column < to; column += 8) {
    const panel = weight + (column >> 3) * panelBytes;
    const scales = columnScales + (column << 2);
    const columns = min<usize>(8, to - column);
    const plusBias = bias ? bias + (column << 2) : 0;
    for (let strip: usize = 0; strip < rows; strip += STRIP) {
      const high = min(STRIP, rows - strip);
      const kernel = kernelIndex(high);
      const strips = a + strip * (pairs << 2);
      const offset = (row + strip) * stride + (column << 2);
      const plus = residual && plain ? residual + offset : 0;
      const rowScale = rowScales + (strip << 2);
      if (columns === 8)
        call_indirect<void>(
          kernel,
          strips,
          panel,
          pairs,
          y + offset,
          stride,
          rowScale,
          scales,
          plusBias,
          plus,
        );
      else
        partialTile(
          kernel,
          high,
          columns,
          strips,
          panel,
          pairs,
          y + offset,
          stride,
          rowScale,
          scales,
          plusBias,
          plus,
        );
    }
  }
  if (plain) return;
  // Whole rows lie one behind the other: one call does for all of them.
  const whole = to - from === n;
  const calls = whole ? <usize>1 : rows;
  const length = whole ? rows * n : to - from;
  for (let i: usize = 0; i < calls; i++) {
    const offset = (row + i) * stride + (from << 2);
    gelu(y + offset, y + offset, length);
    if (residual) addResidual(y + offset, residual + offset, 0, y + offset, 1, length);
  }
}

/** Place of a register block's function in the table; inlined here, V8 would allocate registers for all of them at once. */
function kernelIndex(rows: usize): u32 {
  if (rows === 5) return int8Rows5.index;
  if (rows === 4) return int8Rows4.index;
  if (rows === 3) return int8Rows3.index;
  if (rows === 2) return int8Rows2.index;
  return int8Rows1.index;
}

/** A tile of fewer than 8 columns: computed whole in scratch, then copied with bias and residual. */
function partialTile(
  kernel: u32,
  rows: usize,
  columns: usize,
  a: usize,
  panel: usize,
  pairs: usize,
  c: usize,
  cStride: usize,
  rowScales: usize,
  columnScales: usize,
  bias: usize,
  residual: usize,
): void {
  const whole = tile();
  const none: usize = 0;
  const stride: usize = 32;
  call_indirect<void>(kernel, a, panel, pairs, whole, stride, rowScales, columnScales, none, none);
  for (let i: usize = 0; i < rows; i++) {
    const offset = i * cStride;
    for (let j: usize = 0; j < columns; j++) {
      let value = load<f32>(whole + (i << 5) + (j << 2));
      if (bias) value += load<f32>(bias + (j << 2));
      if (residual) value += load<f32>(residual + offset + (j << 2));
      store<f32>(c + offset + (j << 2), value);
    }
  }
}
