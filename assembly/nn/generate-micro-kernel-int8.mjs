// Writes micro-kernel-int8.ts: the register blocks of the int8 product, one function for each number of rows.
// `node assembly/nn/generate-micro-kernel-int8.mjs`; the build calls it where this script is newer than its output.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MOST_ROWS = 5;
/** ROW_BYTES of quantize-rows.ts, here as a number: offsets of loads must be known when the kernel is compiled. */
const ROW_BYTES = 16448;

const header = `// Made by generate-micro-kernel-int8.mjs: do not edit. Register blocks of the int8 product, 1 to ${MOST_ROWS} rows × 8 columns.
//
// c f32 [rows, 8] = Σ a i16 · panel i16, times rowScales [rows] and columnScales [8] (+ bias [8]) (+ residual [rows, 8]).
// Two steps of k lie side by side in the rows of a (${ROW_BYTES} bytes apart, see quantize-rows.ts) and in panel [pairs, 8, 2]:
// i32x4.dot_i16x8_s multiplies and adds them.
// Sums are exact in int32 (linear-int8.ts says why), so the block size changes no bit; nothing behind them is fused.
//
// GOP/s at k = 192 and 768, best of 60 (Intel Xeon with AVX-512): 4, 5, 6 rows × 8 columns make 89, 88, 81 on Node 20 and
// 151, 158, 162 with Node 24's 256-bit operations; 4 rows × 16 columns 79 and 165. The float32 product makes 58 and 77.
// The stores stand behind all loads, for V8 joins no two halves with a store between them.
`;

const range = (n) => Array.from({ length: n }, (_, i) => i);

function kernel(rows) {
  const lines = [];
  const put = (line) => lines.push(line);
  put("");
  put(`export function int8Rows${rows}(`);
  for (const name of ["a", "panel", "pairs", "c", "cStride", "rowScales", "columnScales", "bias", "residual"])
    put(`  ${name}: usize,`);
  put("): void {");
  for (const i of range(rows)) {
    put(`  let left${i} = i32x4.splat(0);`);
    put(`  let right${i} = i32x4.splat(0);`);
  }
  put("  const end = a + (pairs << 2);");
  put("  while (a !== end) {");
  put("    const b0 = v128.load(panel);");
  put("    const b1 = v128.load(panel, 16);");
  for (const i of range(rows)) {
    put(`    const x${i} = v128.load32_splat(a${i === 0 ? "" : `, ${ROW_BYTES * i}`});`);
    put(`    left${i} = i32x4.add(left${i}, i32x4.dot_i16x8_s(x${i}, b0));`);
    put(`    right${i} = i32x4.add(right${i}, i32x4.dot_i16x8_s(x${i}, b1));`);
  }
  put("    a += 4;");
  put("    panel += 32;");
  put("  }");
  put("  const scale0 = v128.load(columnScales);");
  put("  const scale1 = v128.load(columnScales, 16);");
  for (const i of range(rows)) {
    put(`  const row${i} = v128.load32_splat(rowScales${i === 0 ? "" : `, ${4 * i}`});`);
    for (const [side, scale] of [
      ["left", "scale0"],
      ["right", "scale1"],
    ])
      put(
        `  let ${side}${i}f = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(${side}${i}), row${i}), ${scale});`,
      );
  }
  put("  if (bias) {");
  put("    const b0 = v128.load(bias);");
  put("    const b1 = v128.load(bias, 16);");
  for (const i of range(rows)) {
    put(`    left${i}f = f32x4.add(left${i}f, b0);`);
    put(`    right${i}f = f32x4.add(right${i}f, b1);`);
  }
  put("  }");
  put("  if (residual) {");
  for (const i of range(rows)) {
    put(`    left${i}f = f32x4.add(left${i}f, v128.load(residual));`);
    put(`    right${i}f = f32x4.add(right${i}f, v128.load(residual, 16));`);
    if (i + 1 < rows) put("    residual += cStride;");
  }
  put("  }");
  for (const i of range(rows)) {
    put(`  v128.store(c, left${i}f);`);
    put(`  v128.store(c, right${i}f, 16);`);
    if (i + 1 < rows) put("  c += cStride;");
  }
  put("}");
  return lines.join("\n");
}

const output = fileURLToPath(new URL("micro-kernel-int8.ts", import.meta.url));
writeFileSync(
  output,
  `${header}${range(MOST_ROWS)
    .map((i) => kernel(i + 1))
    .join("\n")}\n`,
);
