// Writes generated/micro-kernel-int8.ts: the register blocks of the int8 product, one function for each form, rows and columns.
// `node assembly/nn/generate-micro-kernel-int8.mjs`; the build calls it where this script is newer than its output.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** ROW_BYTES and LOW_DIGITS of quantize-rows.ts: offsets of loads must be known when the kernel is compiled. */
const ROW_BYTES = 17088;
const LOW_DIGITS = 8512;
/** Rows of a block: what fits the registers (int8-form.ts). */
const PAIRS_ROWS = 5;
const DIGITS_ROWS = 3;

const header = `// Made by generate-micro-kernel-int8.mjs: do not edit. Register blocks of the int8 product (linear-int8.ts), rows × columns.
//
// c f32 [rows, columns] = Σ q · weight, times rowScales [rows] and columnScales [columns] (+ bias [columns]) (+ residual).
//
//   pairs    rows of q int16, panel int16 [⌈k/2⌉, 8, 2]: i32x4.dot_i16x8_s, two steps of k
//   digits   rows of q + 8192 in two digits of seven bits, panel int8 [⌈k/4⌉, 8, 4]: i32x4.relaxed_dot_i8x16_i7x16_add_s, four
//            steps of k for each digit; the sum is 128·high + low − offsets [columns], offset = 8192·Σ weight
//
// Sums are exact (what overflows on the way comes back, for int32 wraps), so forms and blocks change no bit; nothing behind them
// is fused. The stores stand behind all loads, for V8 joins no two halves with a store between them.

import { Dot } from "../simd";
`;

const range = (n) => Array.from({ length: n }, (_, i) => i);
const at = (offset) => (offset === 0 ? "" : `, ${offset}`);

/** vectors: of four columns. */
function kernel(name, rows, vectors, digits) {
  const lines = [];
  const put = (line) => lines.push(line);
  const each = (write) => {
    for (const r of range(rows)) for (const v of range(vectors)) write(`${r}_${v}`, r, v);
  };
  /** The first two vectors lie in one panel, the others in the next. */
  const panelLoad = (v) => `v128.load(${v < 2 ? "panel" : "next"}${at(16 * (v % 2))})`;
  put("");
  put(`export function ${name}${rows}(`);
  const names = ["a", "panel", "panelBytes", "steps", "c", "cStride", "rowScales", "columnScales"];
  for (const parameter of [...names, "offsets", "bias", "residual"]) put(`  ${parameter}: usize,`);
  put("): void {");
  each((id) => {
    put(`  let high${id} = i32x4.splat(0);`);
    if (digits) put(`  let low${id} = i32x4.splat(0);`);
  });
  if (vectors > 2) put("  let next = panel + panelBytes;");
  put("  const end = a + (steps << 2);");
  put("  while (a !== end) {");
  for (const v of range(vectors)) put(`    const b${v} = ${panelLoad(v)};`);
  for (const r of range(rows)) {
    put(`    const x${r} = v128.load32_splat(a${at(ROW_BYTES * r)});`);
    for (const v of range(vectors)) {
      const sum = `high${r}_${v}`;
      if (digits) put(`    ${sum} = Dot.fours(b${v}, x${r}, ${sum});`);
      else put(`    ${sum} = i32x4.add(${sum}, i32x4.dot_i16x8_s(x${r}, b${v}));`);
    }
    if (!digits) continue;
    // Behind the last use of x: with both at hand there would be a register too few.
    put(`    const y${r} = v128.load32_splat(a, ${ROW_BYTES * r + LOW_DIGITS});`);
    for (const v of range(vectors)) put(`    low${r}_${v} = Dot.fours(b${v}, y${r}, low${r}_${v});`);
  }
  put("    a += 4;");
  put("    panel += 32;");
  if (vectors > 2) put("    next += 32;");
  put("  }");
  if (digits) {
    for (const v of range(vectors)) put(`  const offset${v} = v128.load(offsets${at(16 * v)});`);
    each((id, _, v) =>
      put(`  high${id} = i32x4.sub(i32x4.add(i32x4.shl(high${id}, 7), low${id}), offset${v});`),
    );
  }
  for (const v of range(vectors)) put(`  const scale${v} = v128.load(columnScales${at(16 * v)});`);
  for (const r of range(rows)) put(`  const row${r} = v128.load32_splat(rowScales${at(4 * r)});`);
  each((id, r, v) =>
    put(`  let f${id} = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(high${id}), row${r}), scale${v});`),
  );
  put("  if (bias) {");
  for (const v of range(vectors)) put(`    const b${v} = v128.load(bias${at(16 * v)});`);
  each((id, _, v) => put(`    f${id} = f32x4.add(f${id}, b${v});`));
  put("  }");
  put("  if (residual) {");
  for (const r of range(rows)) {
    for (const v of range(vectors)) {
      const id = `${r}_${v}`;
      put(`    f${id} = f32x4.add(f${id}, v128.load(residual${at(16 * v)}));`);
    }
    if (r + 1 < rows) put("    residual += cStride;");
  }
  put("  }");
  for (const r of range(rows)) {
    for (const v of range(vectors)) put(`  v128.store(c, f${r}_${v}${at(16 * v)});`);
    if (r + 1 < rows) put("  c += cStride;");
  }
  put("}");
  return lines.join("\n");
}

const pairs = range(PAIRS_ROWS).map((i) => kernel("pairsRows", i + 1, 2, false));
const digits = [2, 4].flatMap((vectors) =>
  range(DIGITS_ROWS).map((i) => kernel(`digits${4 * vectors}Rows`, i + 1, vectors, true)),
);
const output = fileURLToPath(new URL("generated/micro-kernel-int8.ts", import.meta.url));
mkdirSync(new URL("generated", import.meta.url), { recursive: true });
writeFileSync(output, `${header}${[...pairs, ...digits].join("\n")}\n`);
