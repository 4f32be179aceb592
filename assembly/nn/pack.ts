// Packing: puts a block of B into panels of eight columns, and turns a block of A round, so that the micro-kernel
// reads both from front to back. Costs one copy of each value per M (or N) multiply-adds.

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

/** b [k, columns] → panels [⌈columns/8⌉, k, 8], the missing columns of the last panel 0. */
export function packRows(b: usize, bStride: usize, panels: usize, k: usize, columns: usize): void {
  let column: usize = 0;
  for (; column + 8 <= columns; column += 8) {
    let from = b + (column << 2);
    for (let i: usize = 0; i < k; i++) {
      v128.store(panels, v128.load(from));
      v128.store(panels, v128.load(from, 16), 16);
      panels += 32;
      from += bStride;
    }
  }
  if (column < columns) packPartialPanel(b + (column << 2), bStride, 4, panels, k, columns - column);
}

/** bT [columns, k] → the same panels: column j of B is row j of bT. */
export function packColumns(bT: usize, bStride: usize, panels: usize, k: usize, columns: usize): void {
  let column: usize = 0;
  for (; column + 8 <= columns; column += 8) {
    const from = bT + column * bStride;
    transpose(from, bStride, panels, 32, 8, k);
    panels += k << 5;
  }
  if (column < columns) packPartialPanel(bT + column * bStride, 4, bStride, panels, k, columns - column);
}

function packPartialPanel(
  from: usize,
  stepStride: usize,
  columnStride: usize,
  panel: usize,
  k: usize,
  columns: usize,
): void {
  memory.fill(panel, 0, k << 5);
  for (let i: usize = 0; i < k; i++) {
    for (let j: usize = 0; j < columns; j++) {
      store<f32>(panel + (j << 2), load<f32>(from + j * columnStride));
    }
    from += stepStride;
    panel += 32;
  }
}
