// Writes micro-kernel.ts: the register blocks of the matrix product, one function for each number of rows.
// AssemblyScript cannot loop over registers, so the loops run here. `node assembly/nn/generate-micro-kernel.mjs`;
// the build calls it where this script is newer than its output.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The relaxed build takes six rows at once; the plain one four and less. */
const MOST_ROWS = 6;

const header = `// Made by generate-micro-kernel.mjs: do not edit. Register blocks of the matrix product, 1 to ${MOST_ROWS} rows × 8 columns.
//
// c [rows, 8] = a [rows, k] · panel [k, 8] (+ c) (+ bias [8]) (+ residual [rows, 8]); strides in bytes.
// Each value of c has one accumulator that goes through k upwards, so every block size gives the same bits.
// 16·rows flops a step of k for 32 bytes of panel and 4·rows bytes of a. Four rows hold 8 sums, 2 vectors of b and
// the products in 16 registers; six rows fit where multiply and add are one instruction (relaxed SIMD).

import { Float4 } from "./simd";
`;

const range = (n) => Array.from({ length: n }, (_, i) => i);

function kernel(rows) {
  const lines = [];
  const put = (line) => lines.push(line);
  put("");
  put(`export function rows${rows}(`);
  put("  a: usize,");
  put("  aStride: usize,");
  put("  panel: usize,");
  put("  k: usize,");
  put("  c: usize,");
  put("  cStride: usize,");
  put("  bias: usize,");
  put("  residual: usize,");
  put("  accumulate: bool,");
  put("): void {");
  put("  let a0 = a;");
  for (const i of range(rows).slice(1)) put(`  let a${i} = a${i - 1} + aStride;`);
  for (const i of range(rows)) {
    put(`  let left${i} = f32x4.splat(0);`);
    put(`  let right${i} = f32x4.splat(0);`);
  }
  put("  if (accumulate) {");
  put("    let from = c;");
  for (const i of range(rows)) {
    put(`    left${i} = v128.load(from);`);
    put(`    right${i} = v128.load(from, 16);`);
    if (i + 1 < rows) put("    from += cStride;");
  }
  put("  }");
  put("  const end = a0 + (k << 2);");
  put("  while (a0 !== end) {");
  put("    const b0 = v128.load(panel);");
  put("    const b1 = v128.load(panel, 16);");
  for (const i of range(rows)) {
    put(`    const x${i} = v128.load32_splat(a${i});`);
    put(`    left${i} = Float4.madd(x${i}, b0, left${i});`);
    put(`    right${i} = Float4.madd(x${i}, b1, right${i});`);
  }
  for (const i of range(rows)) put(`    a${i} += 4;`);
  put("    panel += 32;");
  put("  }");
  put("  if (bias) {");
  put("    const b0 = v128.load(bias);");
  put("    const b1 = v128.load(bias, 16);");
  for (const i of range(rows)) {
    put(`    left${i} = f32x4.add(left${i}, b0);`);
    put(`    right${i} = f32x4.add(right${i}, b1);`);
  }
  put("  }");
  put("  if (residual) {");
  for (const i of range(rows)) {
    put(`    left${i} = f32x4.add(left${i}, v128.load(residual));`);
    put(`    right${i} = f32x4.add(right${i}, v128.load(residual, 16));`);
    if (i + 1 < rows) put("    residual += cStride;");
  }
  put("  }");
  for (const i of range(rows)) {
    put(`  v128.store(c, left${i});`);
    put(`  v128.store(c, right${i}, 16);`);
    if (i + 1 < rows) put("  c += cStride;");
  }
  put("}");
  return lines.join("\n");
}

const output = fileURLToPath(new URL("micro-kernel.ts", import.meta.url));
writeFileSync(
  output,
  `${header}${range(MOST_ROWS)
    .map((i) => kernel(i + 1))
    .join("\n")}\n`,
);
