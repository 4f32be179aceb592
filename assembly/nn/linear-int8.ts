// Linear layer with int8 weights: y [M,N] = act(x·wᵀ + bias) + residual, w[n,k] ≈ scale[n]·weight[n,k].
//
// Rows of x are quantized on the fly, each with its own scale (quantize-rows.ts), to as many bits, up to 14, as the sum
// allows: the factors of pairs are int16 anyway, and digits take two bytes. Sums are exact: |q| ≤ levels(K), |weight| ≤
// 127 and K·127·levels(K) < 2³¹. So threads, tiles and forms (linear-forms.ts) change no bit, and both builds agree up
// to GELU.
//
// The weight is packed, columns padded to C = 16·⌈N/16⌉ and k to whole steps by zeros:
//   panels [C/8, ⌈K/2⌉, 8, 2] int16, or in digits [C/8, ⌈K/4⌉, 8, 4] int8;  scales f32 [C];
//   offsets i32 [C] = 8192·Σ weight
//
// 2·M·N·K operations for M·K quantized values. Rows are taken in blocks of about 20: the panels (295 KiB for 192×768,
// in digits half of that) come from the second-level cache once per block, the block itself (30 KiB at K = 768) stays
// in the first. Parts of an instruction are runs of such blocks, divided in four across the columns; each part
// quantizes the rows that it needs, which costs less than a barrier.

import { residual as addResidual } from "./elementwise";
import { gelu } from "./gelu";
import {
  digits8Rows1,
  digits8Rows2,
  digits8Rows3,
  digits16Rows1,
  digits16Rows2,
  digits16Rows3,
  pairsRows1,
  pairsRows2,
  pairsRows3,
  pairsRows4,
  pairsRows5,
} from "./generated/micro-kernel-int8";
import { Activation, Int8Form } from "./linear-forms";
import { count, cut, first } from "./partition";
import { quantizeRows, ROW_BYTES } from "./quantize-rows";
import { panels as quantized, tile } from "./scratch";

/** Rows of a register block, and of a block of rows. */
const PAIRS_STRIP: usize = 5;
const PAIRS_BLOCK: usize = 20;
const DIGITS_STRIP: usize = 3;
const DIGITS_BLOCK: usize = 18;
/** Room for the largest block; the rows' scales follow it. */
const MAX_ROWS: usize = 20;
/** Pieces that a block of rows is divided into across the columns. */
const ACROSS: usize = 4;
/** Columns whose tiles are still in the first-level cache when GELU is applied to them. */
const GROUP: usize = 64;
/** 14 bits with the sign. */
const MAX_LEVELS: usize = 8191;

/** Largest |q| of a quantized row of `k` values, so that no sum leaves int32. */
function levelsOf(k: usize): usize {
  return min<usize>(MAX_LEVELS, 0x7fffffff / (127 * max<usize>(k, 1)));
}

// The current instruction; each instance (thread) has its own, so these are plain globals.
let weightAt: usize = 0;
let biasAt: usize = 0;
let residualAt: usize = 0;
let yAt: usize = 0;
let inputs: usize = 0;
let outputs: usize = 0;
let activated: bool = false;
let currentForm: u32 = 0;
/** Steps of k, bytes of a panel, padded columns, and rows of a register block. */
let steps: usize = 0;
let panelBytes: usize = 0;
let columnsPacked: usize = 0;
let strip: usize = 0;

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
  form: u32,
): void {
  if (!m || !n) return;
  weightAt = weight;
  biasAt = bias;
  residualAt = residual;
  yAt = y;
  inputs = k;
  outputs = n;
  activated = activation === Activation.Gelu;
  currentForm = form;
  const digits = form !== Int8Form.Pairs;
  steps = digits ? (k + 3) >> 2 : (k + 1) >> 1;
  panelBytes = steps << 5;
  columnsPacked = (n + 15) & ~15;
  strip = digits ? DIGITS_STRIP : PAIRS_STRIP;
  const block = digits ? DIGITS_BLOCK : PAIRS_BLOCK;
  const sixteens = columnsPacked >> 4;
  const across = min<usize>(ACROSS, sixteens);
  const width = ((sixteens + across - 1) / across) << 4;
  cut(((m + block - 1) / block) * across, 1);
  let unit = first;
  const end = first + count;
  while (unit < end) {
    const row = (unit / across) * block;
    const from = (unit % across) * width;
    const pieces = min<usize>(across - (unit % across), end - unit);
    multiplyBlock(x, row, min(block, m - row), from, min<usize>(n, from + pieces * width));
    unit += pieces;
  }
}

function rowScales(): usize {
  return quantized() + MAX_ROWS * ROW_BYTES;
}

/** Rows `row` … `row + rows` of the result, columns `from` (a multiple of 16) … `to`. */
function multiplyBlock(x: usize, row: usize, rows: usize, from: usize, to: usize): void {
  if (from >= to) return;
  const digits = currentForm !== Int8Form.Pairs;
  quantizeRows(
    x + row * (inputs << 2),
    rows,
    inputs,
    <f32>levelsOf(inputs),
    quantized(),
    rowScales(),
    digits,
  );
  const tileColumns: usize = currentForm === Int8Form.Digits16 ? 16 : 8;
  for (let group = from; group < to; group += GROUP) {
    const end = min(group + GROUP, to);
    for (let column = group; column < end; column += tileColumns) {
      for (let high: usize = 0; high < rows; high += strip) {
        multiplyTile(row + high, high, min(strip, rows - high), column, tileColumns);
      }
    }
    if (activated) activate(row, rows, group, end - group);
  }
}

/** One tile: rows `row` … of y, which are the quantized rows `high` …, and the columns from `column` on. */
function multiplyTile(row: usize, high: usize, rows: usize, column: usize, columns: usize): void {
  const a = quantized() + high * ROW_BYTES;
  const panel = weightAt + (column >> 3) * panelBytes;
  const scales = rowScales() + (high << 2);
  const columnScales = weightAt + (columnsPacked >> 3) * panelBytes + (column << 2);
  const offsets = columnScales + (columnsPacked << 2);
  const stride = outputs << 2;
  const offset = row * stride + (column << 2);
  const bias = biasAt ? biasAt + (column << 2) : 0;
  const residual = residualAt && !activated ? residualAt + offset : 0;
  const kernel = kernelIndex(rows);
  const c = yAt + offset;
  if (column + columns <= outputs) {
    call_indirect<void>(
      kernel,
      a,
      panel,
      panelBytes,
      steps,
      c,
      stride,
      scales,
      columnScales,
      offsets,
      bias,
      residual,
    );
    return;
  }
  // Computed in full in scratch, then copied with bias and residual.
  const whole = tile();
  const none: usize = 0;
  const tileStride = columns << 2;
  call_indirect<void>(
    kernel,
    a,
    panel,
    panelBytes,
    steps,
    whole,
    tileStride,
    scales,
    columnScales,
    offsets,
    none,
    none,
  );
  for (let i: usize = 0; i < rows; i++) {
    for (let j: usize = 0; j < outputs - column; j++) {
      const at = i * stride + (j << 2);
      let value = load<f32>(whole + i * tileStride + (j << 2));
      if (bias) value += load<f32>(bias + (j << 2));
      if (residual) value += load<f32>(residual + at);
      store<f32>(c + at, value);
    }
  }
}

/** GELU, then the residual. */
function activate(row: usize, rows: usize, column: usize, columns: usize): void {
  for (let i: usize = 0; i < rows; i++) {
    const offset = ((row + i) * outputs + column) << 2;
    gelu(yAt + offset, yAt + offset, columns);
    if (residualAt) addResidual(yAt + offset, residualAt + offset, 0, yAt + offset, 1, columns);
  }
}

/**
 * Index of a register block's function in the table; inlined here, V8 would allocate registers for all of them at once.
 */
function kernelIndex(rows: usize): u32 {
  if (currentForm === Int8Form.Digits16) {
    if (rows === 3) return digits16Rows3.index;
    return rows === 2 ? digits16Rows2.index : digits16Rows1.index;
  }
  if (currentForm === Int8Form.Digits8) {
    if (rows === 3) return digits8Rows3.index;
    return rows === 2 ? digits8Rows2.index : digits8Rows1.index;
  }
  if (rows === 5) return pairsRows5.index;
  if (rows === 4) return pairsRows4.index;
  if (rows === 3) return pairsRows3.index;
  return rows === 2 ? pairsRows2.index : pairsRows1.index;
}
