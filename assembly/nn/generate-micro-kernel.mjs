// Writes generated/micro-kernel.ts: the register blocks of the matrix product, one function for each number of rows and columns.
// AssemblyScript cannot loop over registers, so the loops run here. `node assembly/nn/generate-micro-kernel.mjs`;
// the build calls it where this script is newer than its output.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MOST_ROWS = 6;
const PANELS = [8, 16];

const header = `// Made by generate-micro-kernel.mjs: do not edit. Register blocks of the matrix product, 1 to ${MOST_ROWS} rows × ${PANELS.join(" or ")} columns.
//
// c [rows, n] = from [rows, n] + a [rows, k] · panel [k, n]; strides in bytes, that of from may be 0.
// Each value of c has one accumulator that goes through k upwards, so every block gives the same bits.
// 2·n·rows flops a step of k for 4·n bytes of panel and 4·rows bytes of a. In sixteen registers of 128 bits, 4 × 8 hold
// 8 sums, 2 vectors of b and the products; 6 × 8 fit where multiply and add are one instruction (relaxed SIMD). 6 × 16
// fit where the engine joins neighboring vectors to 256 bits: 12 sums, 2 vectors of b and one of a.
//
// There is nothing but the loop: with a branch in front of it, 6 × 16 lose a third of their speed (V8 13), and with a bias
// added behind it, 6 × 8 do (V8 11 and 12), for the registers are shared out over the whole function.

import { Float4 } from "../simd";
`;

const range = (n) => Array.from({ length: n }, (_, i) => i);

function kernel(rows, columns) {
  const vectors = range(columns / 4);
  const lines = [];
  const put = (line) => lines.push(line);
  const at = (j) => (j === 0 ? "" : `, ${16 * j}`);
  put("");
  put(`export function rows${rows}x${columns}(`);
  put("  a: usize,");
  put("  aStride: usize,");
  put("  panel: usize,");
  put("  k: usize,");
  put("  c: usize,");
  put("  cStride: usize,");
  put("  from: usize,");
  put("  fromStride: usize,");
  put("): void {");
  put("  let a0 = a;");
  for (const i of range(rows).slice(1)) put(`  let a${i} = a${i - 1} + aStride;`);
  for (const i of range(rows)) {
    for (const j of vectors) put(`  let s${i}${j} = v128.load(from${at(j)});`);
    if (i + 1 < rows) put("  from += fromStride;");
  }
  put("  const end = a0 + (k << 2);");
  put("  while (a0 !== end) {");
  for (const j of vectors) put(`    const b${j} = v128.load(panel${at(j)});`);
  for (const i of range(rows)) {
    put(`    const x${i} = v128.load32_splat(a${i});`);
    for (const j of vectors) put(`    s${i}${j} = Float4.madd(x${i}, b${j}, s${i}${j});`);
  }
  for (const i of range(rows)) put(`    a${i} += 4;`);
  put(`    panel += ${4 * columns};`);
  put("  }");
  for (const i of range(rows)) {
    for (const j of vectors) put(`  v128.store(c, s${i}${j}${at(j)});`);
    if (i + 1 < rows) put("  c += cStride;");
  }
  put("}");
  return lines.join("\n");
}

const kernels = PANELS.flatMap((columns) => range(MOST_ROWS).map((i) => kernel(i + 1, columns)));
const output = fileURLToPath(new URL("generated/micro-kernel.ts", import.meta.url));
mkdirSync(new URL("generated", import.meta.url), { recursive: true });
writeFileSync(output, `${header}${kernels.join("\n")}\n`);
