// Made by generate-micro-kernel-int8.mjs: do not edit. Register blocks of the int8 product, 1 to 5 rows × 8 columns.
//
// c f32 [rows, 8] = Σ a i16 · panel i16, times rowScales [rows] and columnScales [8] (+ bias [8]) (+ residual [rows, 8]).
// Two steps of k lie side by side in the rows of a (16448 bytes apart, see quantize-rows.ts) and in panel [pairs, 8, 2]:
// i32x4.dot_i16x8_s multiplies and adds them.
// Sums are exact in int32 (linear-int8.ts says why), so the block size changes no bit; nothing behind them is fused.
//
// GOP/s at k = 192 and 768, best of 60 (Intel Xeon with AVX-512): 4, 5, 6 rows × 8 columns make 89, 88, 81 on Node 20 and
// 151, 158, 162 with Node 24's 256-bit operations; 4 rows × 16 columns 79 and 165. The float32 product makes 58 and 77.
// The stores stand behind all loads, for V8 joins no two halves with a store between them.

export function int8Rows1(
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
  let left0 = i32x4.splat(0);
  let right0 = i32x4.splat(0);
  const end = a + (pairs << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    left0 = i32x4.add(left0, i32x4.dot_i16x8_s(x0, b0));
    right0 = i32x4.add(right0, i32x4.dot_i16x8_s(x0, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  let left0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left0), row0), scale0);
  let right0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right0), row0), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0f = f32x4.add(left0f, b0);
    right0f = f32x4.add(right0f, b1);
  }
  if (residual) {
    left0f = f32x4.add(left0f, v128.load(residual));
    right0f = f32x4.add(right0f, v128.load(residual, 16));
  }
  v128.store(c, left0f);
  v128.store(c, right0f, 16);
}

export function int8Rows2(
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
  let left0 = i32x4.splat(0);
  let right0 = i32x4.splat(0);
  let left1 = i32x4.splat(0);
  let right1 = i32x4.splat(0);
  const end = a + (pairs << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    left0 = i32x4.add(left0, i32x4.dot_i16x8_s(x0, b0));
    right0 = i32x4.add(right0, i32x4.dot_i16x8_s(x0, b1));
    const x1 = v128.load32_splat(a, 16448);
    left1 = i32x4.add(left1, i32x4.dot_i16x8_s(x1, b0));
    right1 = i32x4.add(right1, i32x4.dot_i16x8_s(x1, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  let left0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left0), row0), scale0);
  let right0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right0), row0), scale1);
  const row1 = v128.load32_splat(rowScales, 4);
  let left1f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left1), row1), scale0);
  let right1f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right1), row1), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0f = f32x4.add(left0f, b0);
    right0f = f32x4.add(right0f, b1);
    left1f = f32x4.add(left1f, b0);
    right1f = f32x4.add(right1f, b1);
  }
  if (residual) {
    left0f = f32x4.add(left0f, v128.load(residual));
    right0f = f32x4.add(right0f, v128.load(residual, 16));
    residual += cStride;
    left1f = f32x4.add(left1f, v128.load(residual));
    right1f = f32x4.add(right1f, v128.load(residual, 16));
  }
  v128.store(c, left0f);
  v128.store(c, right0f, 16);
  c += cStride;
  v128.store(c, left1f);
  v128.store(c, right1f, 16);
}

export function int8Rows3(
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
  let left0 = i32x4.splat(0);
  let right0 = i32x4.splat(0);
  let left1 = i32x4.splat(0);
  let right1 = i32x4.splat(0);
  let left2 = i32x4.splat(0);
  let right2 = i32x4.splat(0);
  const end = a + (pairs << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    left0 = i32x4.add(left0, i32x4.dot_i16x8_s(x0, b0));
    right0 = i32x4.add(right0, i32x4.dot_i16x8_s(x0, b1));
    const x1 = v128.load32_splat(a, 16448);
    left1 = i32x4.add(left1, i32x4.dot_i16x8_s(x1, b0));
    right1 = i32x4.add(right1, i32x4.dot_i16x8_s(x1, b1));
    const x2 = v128.load32_splat(a, 32896);
    left2 = i32x4.add(left2, i32x4.dot_i16x8_s(x2, b0));
    right2 = i32x4.add(right2, i32x4.dot_i16x8_s(x2, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  let left0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left0), row0), scale0);
  let right0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right0), row0), scale1);
  const row1 = v128.load32_splat(rowScales, 4);
  let left1f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left1), row1), scale0);
  let right1f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right1), row1), scale1);
  const row2 = v128.load32_splat(rowScales, 8);
  let left2f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left2), row2), scale0);
  let right2f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right2), row2), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0f = f32x4.add(left0f, b0);
    right0f = f32x4.add(right0f, b1);
    left1f = f32x4.add(left1f, b0);
    right1f = f32x4.add(right1f, b1);
    left2f = f32x4.add(left2f, b0);
    right2f = f32x4.add(right2f, b1);
  }
  if (residual) {
    left0f = f32x4.add(left0f, v128.load(residual));
    right0f = f32x4.add(right0f, v128.load(residual, 16));
    residual += cStride;
    left1f = f32x4.add(left1f, v128.load(residual));
    right1f = f32x4.add(right1f, v128.load(residual, 16));
    residual += cStride;
    left2f = f32x4.add(left2f, v128.load(residual));
    right2f = f32x4.add(right2f, v128.load(residual, 16));
  }
  v128.store(c, left0f);
  v128.store(c, right0f, 16);
  c += cStride;
  v128.store(c, left1f);
  v128.store(c, right1f, 16);
  c += cStride;
  v128.store(c, left2f);
  v128.store(c, right2f, 16);
}

export function int8Rows4(
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
  let left0 = i32x4.splat(0);
  let right0 = i32x4.splat(0);
  let left1 = i32x4.splat(0);
  let right1 = i32x4.splat(0);
  let left2 = i32x4.splat(0);
  let right2 = i32x4.splat(0);
  let left3 = i32x4.splat(0);
  let right3 = i32x4.splat(0);
  const end = a + (pairs << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    left0 = i32x4.add(left0, i32x4.dot_i16x8_s(x0, b0));
    right0 = i32x4.add(right0, i32x4.dot_i16x8_s(x0, b1));
    const x1 = v128.load32_splat(a, 16448);
    left1 = i32x4.add(left1, i32x4.dot_i16x8_s(x1, b0));
    right1 = i32x4.add(right1, i32x4.dot_i16x8_s(x1, b1));
    const x2 = v128.load32_splat(a, 32896);
    left2 = i32x4.add(left2, i32x4.dot_i16x8_s(x2, b0));
    right2 = i32x4.add(right2, i32x4.dot_i16x8_s(x2, b1));
    const x3 = v128.load32_splat(a, 49344);
    left3 = i32x4.add(left3, i32x4.dot_i16x8_s(x3, b0));
    right3 = i32x4.add(right3, i32x4.dot_i16x8_s(x3, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  let left0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left0), row0), scale0);
  let right0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right0), row0), scale1);
  const row1 = v128.load32_splat(rowScales, 4);
  let left1f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left1), row1), scale0);
  let right1f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right1), row1), scale1);
  const row2 = v128.load32_splat(rowScales, 8);
  let left2f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left2), row2), scale0);
  let right2f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right2), row2), scale1);
  const row3 = v128.load32_splat(rowScales, 12);
  let left3f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left3), row3), scale0);
  let right3f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right3), row3), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0f = f32x4.add(left0f, b0);
    right0f = f32x4.add(right0f, b1);
    left1f = f32x4.add(left1f, b0);
    right1f = f32x4.add(right1f, b1);
    left2f = f32x4.add(left2f, b0);
    right2f = f32x4.add(right2f, b1);
    left3f = f32x4.add(left3f, b0);
    right3f = f32x4.add(right3f, b1);
  }
  if (residual) {
    left0f = f32x4.add(left0f, v128.load(residual));
    right0f = f32x4.add(right0f, v128.load(residual, 16));
    residual += cStride;
    left1f = f32x4.add(left1f, v128.load(residual));
    right1f = f32x4.add(right1f, v128.load(residual, 16));
    residual += cStride;
    left2f = f32x4.add(left2f, v128.load(residual));
    right2f = f32x4.add(right2f, v128.load(residual, 16));
    residual += cStride;
    left3f = f32x4.add(left3f, v128.load(residual));
    right3f = f32x4.add(right3f, v128.load(residual, 16));
  }
  v128.store(c, left0f);
  v128.store(c, right0f, 16);
  c += cStride;
  v128.store(c, left1f);
  v128.store(c, right1f, 16);
  c += cStride;
  v128.store(c, left2f);
  v128.store(c, right2f, 16);
  c += cStride;
  v128.store(c, left3f);
  v128.store(c, right3f, 16);
}

export function int8Rows5(
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
  let left0 = i32x4.splat(0);
  let right0 = i32x4.splat(0);
  let left1 = i32x4.splat(0);
  let right1 = i32x4.splat(0);
  let left2 = i32x4.splat(0);
  let right2 = i32x4.splat(0);
  let left3 = i32x4.splat(0);
  let right3 = i32x4.splat(0);
  let left4 = i32x4.splat(0);
  let right4 = i32x4.splat(0);
  const end = a + (pairs << 2);
  while (a !== end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a);
    left0 = i32x4.add(left0, i32x4.dot_i16x8_s(x0, b0));
    right0 = i32x4.add(right0, i32x4.dot_i16x8_s(x0, b1));
    const x1 = v128.load32_splat(a, 16448);
    left1 = i32x4.add(left1, i32x4.dot_i16x8_s(x1, b0));
    right1 = i32x4.add(right1, i32x4.dot_i16x8_s(x1, b1));
    const x2 = v128.load32_splat(a, 32896);
    left2 = i32x4.add(left2, i32x4.dot_i16x8_s(x2, b0));
    right2 = i32x4.add(right2, i32x4.dot_i16x8_s(x2, b1));
    const x3 = v128.load32_splat(a, 49344);
    left3 = i32x4.add(left3, i32x4.dot_i16x8_s(x3, b0));
    right3 = i32x4.add(right3, i32x4.dot_i16x8_s(x3, b1));
    const x4 = v128.load32_splat(a, 65792);
    left4 = i32x4.add(left4, i32x4.dot_i16x8_s(x4, b0));
    right4 = i32x4.add(right4, i32x4.dot_i16x8_s(x4, b1));
    a += 4;
    panel += 32;
  }
  const scale0 = v128.load(columnScales);
  const scale1 = v128.load(columnScales, 16);
  const row0 = v128.load32_splat(rowScales);
  let left0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left0), row0), scale0);
  let right0f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right0), row0), scale1);
  const row1 = v128.load32_splat(rowScales, 4);
  let left1f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left1), row1), scale0);
  let right1f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right1), row1), scale1);
  const row2 = v128.load32_splat(rowScales, 8);
  let left2f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left2), row2), scale0);
  let right2f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right2), row2), scale1);
  const row3 = v128.load32_splat(rowScales, 12);
  let left3f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left3), row3), scale0);
  let right3f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right3), row3), scale1);
  const row4 = v128.load32_splat(rowScales, 16);
  let left4f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(left4), row4), scale0);
  let right4f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(right4), row4), scale1);
  if (bias) {
    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    left0f = f32x4.add(left0f, b0);
    right0f = f32x4.add(right0f, b1);
    left1f = f32x4.add(left1f, b0);
    right1f = f32x4.add(right1f, b1);
    left2f = f32x4.add(left2f, b0);
    right2f = f32x4.add(right2f, b1);
    left3f = f32x4.add(left3f, b0);
    right3f = f32x4.add(right3f, b1);
    left4f = f32x4.add(left4f, b0);
    right4f = f32x4.add(right4f, b1);
  }
  if (residual) {
    left0f = f32x4.add(left0f, v128.load(residual));
    right0f = f32x4.add(right0f, v128.load(residual, 16));
    residual += cStride;
    left1f = f32x4.add(left1f, v128.load(residual));
    right1f = f32x4.add(right1f, v128.load(residual, 16));
    residual += cStride;
    left2f = f32x4.add(left2f, v128.load(residual));
    right2f = f32x4.add(right2f, v128.load(residual, 16));
    residual += cStride;
    left3f = f32x4.add(left3f, v128.load(residual));
    right3f = f32x4.add(right3f, v128.load(residual, 16));
    residual += cStride;
    left4f = f32x4.add(left4f, v128.load(residual));
    right4f = f32x4.add(right4f, v128.load(residual, 16));
  }
  v128.store(c, left0f);
  v128.store(c, right0f, 16);
  c += cStride;
  v128.store(c, left1f);
  v128.store(c, right1f, 16);
  c += cStride;
  v128.store(c, left2f);
  v128.store(c, right2f, 16);
  c += cStride;
  v128.store(c, left3f);
  v128.store(c, right3f, 16);
  c += cStride;
  v128.store(c, left4f);
  v128.store(c, right4f, 16);
}
