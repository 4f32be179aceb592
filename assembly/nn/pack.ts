// Packing: copies a block of B into panels of 8 or 16 columns, and transposes a block of A, so that the micro-kernel
// reads both sequentially. Costs one copy of each value per M (or N) multiply-adds.

/** Four rows of four values at `from` (row stride in bytes) as four columns at `to` (column stride in bytes). */
function transpose4(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + fromStride);
  const r2 = v128.load(from + 2 * fromStride);
  const r3 = v128.load(from + 3 * fromStride);
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5); // r0[0] r1[0] r0[1] r1[1]
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  v128.store(to + toStride, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
  v128.store(to + 2 * toStride, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
  v128.store(to + 3 * toStride, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
}

/** from [rows, columns] → to [columns, rows]; strides in bytes. */
export function transpose(
  from: usize,
  fromStride: usize,
  to: usize,
  toStride: usize,
  rows: usize,
  columns: usize,
): void {
  const rows4 = rows & ~3;
  const columns4 = columns & ~3;
  for (let r: usize = 0; r < rows4; r += 4) {
    for (let c: usize = 0; c < columns4; c += 4) {
      transpose4(from + r * fromStride + (c << 2), fromStride, to + c * toStride + (r << 2), toStride);
    }
  }
  for (let r: usize = 0; r < rows; r++) {
    for (let c = r < rows4 ? columns4 : 0; c < columns; c++) {
      store<f32>(to + c * toStride + (r << 2), load<f32>(from + r * fromStride + (c << 2)));
    }
  }
}

/** Columns of the next panel where `left` columns remain: if a narrow panel holds the last ones, it is used. */
export function widthOfPanel(left: usize, panelColumns: usize): usize {
  return left <= 8 ? 8 : panelColumns;
}

/**
 * b [k, columns] → panels [⌈columns/panelColumns⌉, k, panelColumns], contiguous; the last is 8 wide if that is enough,
 * and its missing columns are 0. panelColumns is 8 or 16.
 */
export function packRows(
  b: usize,
  bStride: usize,
  panels: usize,
  k: usize,
  columns: usize,
  panelColumns: usize,
): void {
  let column: usize = 0;
  while (column < columns) {
    const width = widthOfPanel(columns - column, panelColumns);
    const from = b + (column << 2);
    if (column + width > columns) packPartialPanel(from, bStride, 4, panels, k, columns - column, width);
    else if (width === 16) packRows16(from, bStride, panels, k);
    else packRows8(from, bStride, panels, k);
    panels += k * (width << 2);
    column += width;
  }
}

function packRows8(from: usize, stride: usize, panel: usize, k: usize): void {
  for (let i: usize = 0; i < k; i++) {
    v128.store(panel, v128.load(from));
    v128.store(panel, v128.load(from, 16), 16);
    panel += 32;
    from += stride;
  }
}

function packRows16(from: usize, stride: usize, panel: usize, k: usize): void {
  for (let i: usize = 0; i < k; i++) {
    v128.store(panel, v128.load(from));
    v128.store(panel, v128.load(from, 16), 16);
    v128.store(panel, v128.load(from, 32), 32);
    v128.store(panel, v128.load(from, 48), 48);
    panel += 64;
    from += stride;
  }
}

/** bT [columns, k] → the same panels: column j of B is row j of bT. */
export function packColumns(
  bT: usize,
  bStride: usize,
  panels: usize,
  k: usize,
  columns: usize,
  panelColumns: usize,
): void {
  let column: usize = 0;
  while (column < columns) {
    const width = widthOfPanel(columns - column, panelColumns);
    const from = bT + column * bStride;
    if (column + width > columns) packPartialPanel(from, 4, bStride, panels, k, columns - column, width);
    else transpose(from, bStride, panels, width << 2, width, k);
    panels += k * (width << 2);
    column += width;
  }
}

function packPartialPanel(
  from: usize,
  stepStride: usize,
  columnStride: usize,
  panel: usize,
  k: usize,
  columns: usize,
  width: usize,
): void {
  memory.fill(panel, 0, k * (width << 2));
  for (let i: usize = 0; i < k; i++) {
    for (let j: usize = 0; j < columns; j++) {
      store<f32>(panel + (j << 2), load<f32>(from + j * columnStride));
    }
    from += stepStride;
    panel += width << 2;
  }
}
