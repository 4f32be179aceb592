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
import { quantizeRows, ROW_BYTES } from "./quantize-rows";
import { panels as quantized, tile } from "./scratch";
import { count, cut, first } from "./share";

/** Rows of a register block. */
const STRIP: usize = 5;
/** Rows of a block, a multiple of STRIP. */
const BLOCK: usize = 20;
/** Pieces that a block of rows is cut into across the columns. */
const ACROSS: usize = 4;
/** Columns whose tiles are in the first-level cache when GELU comes to them, a multiple of 8. */
const GROUP: usize = 64;
/** 14 bits with the sign. */
const MOST_LEVELS: usize = 8191;

/** Largest |q| of a quantised row of `k` values, so that no sum leaves int32. */
function levelsOf(k: usize): usize {
  return min<usize>(MOST_LEVELS, 0x7fffffff / (127 * max<usize>(k, 1)));
}

// The instruction under way; each instance (thread) has its own, so these are plain globals.
let weightAt: usize = 0;
let biasAt: usize = 0;
let residualAt: usize = 0;
let yAt: usize = 0;
let pairs: usize = 0;
let outputs: usize = 0;
let activated: bool = false;

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
  if (!m || !n) return;
  weightAt = weight;
  biasAt = bias;
  residualAt = residual;
  yAt = y;
  pairs = (k + 1) >> 1;
  outputs = n;
  activated = activation === Activation.Gelu;
  const panels = (n + 7) >> 3;
  const across = min<usize>(ACROSS, panels);
  const width = ((panels + across - 1) / across) << 3;
  const levels = <f32>levelsOf(k);
  cut(((m + BLOCK - 1) / BLOCK) * across, 1);
  let unit = first;
  const end = first + count;
  while (unit < end) {
    const row = (unit / across) * BLOCK;
    const rows = min(BLOCK, m - row);
    const from = (unit % across) * width;
    const pieces = min<usize>(across - (unit % across), end - unit);
    const to = min<usize>(n, from + pieces * width);
    if (from < to) quantizeRows(x + row * (k << 2), rows, k, levels, quantized(), rowScales());
    for (let column = from; column < to; column += GROUP) {
      const columns = min(GROUP, to - column);
      multiply(row, rows, column, columns);
      if (activated) activate(row, rows, column, columns);
    }
    unit += pieces;
  }
}

function rowScales(): usize {
  return quantized() + BLOCK * ROW_BYTES;
}

/** The rows that are quantised, times the panels from column `from`, a multiple of 8. */
function multiply(row: usize, rows: usize, from: usize, columns: usize): void {
  const panelBytes = pairs << 5;
  const columnScales = weightAt + ((outputs + 7) >> 3) * panelBytes;
  const to = from + columns;
  for (let column = from; column < to; column += 8) {
    const panel = weightAt + (column >> 3) * panelBytes;
    for (let strip: usize = 0; strip < rows; strip += STRIP) {
      tileOf(row + strip, strip, min(STRIP, rows - strip), column, panel, columnScales + (column << 2));
    }
  }
}

/** One tile: rows `row` … of y, which are the quantised rows `strip` …; eight columns from `column`, or what is left of them. */
function tileOf(
  row: usize,
  strip: usize,
  rows: usize,
  column: usize,
  panel: usize,
  columnScales: usize,
): void {
  const a = quantized() + strip * ROW_BYTES;
  const scales = rowScales() + (strip << 2);
  const stride = outputs << 2;
  const offset = row * stride + (column << 2);
  const bias = biasAt ? biasAt + (column << 2) : 0;
  const residual = residualAt && !activated ? residualAt + offset : 0;
  const kernel = kernelIndex(rows);
  const c = yAt + offset;
  if (column + 8 <= outputs) {
    call_indirect<void>(kernel, a, panel, pairs, c, stride, scales, columnScales, bias, residual);
    return;
  }
  // Computed whole in scratch, then copied with bias and residual.
  const whole = tile();
  const none: usize = 0;
  const wholeStride: usize = 32;
  call_indirect<void>(kernel, a, panel, pairs, whole, wholeStride, scales, columnScales, none, none);
  for (let i: usize = 0; i < rows; i++) {
    for (let j: usize = 0; j < outputs - column; j++) {
      const at = i * stride + (j << 2);
      let value = load<f32>(whole + (i << 5) + (j << 2));
      if (bias) value += load<f32>(bias + (j << 2));
      if (residual) value += load<f32>(residual + at);
      store<f32>(c + at, value);
    }
  }
}

/** GELU, and the residual behind it. */
function activate(row: usize, rows: usize, column: usize, columns: usize): void {
  for (let i: usize = 0; i < rows; i++) {
    const offset = ((row + i) * outputs + column) << 2;
    gelu(yAt + offset, yAt + offset, columns);
    if (residualAt) addResidual(yAt + offset, residualAt + offset, 0, yAt + offset, 1, columns);
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
