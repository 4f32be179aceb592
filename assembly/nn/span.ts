// Span: consecutive instructions that go row by row over the same rows, done for some rows from the first to the last
// before the next rows are begun. Their values stay in the second-level cache, and threads meet once a span.
//
// A row has the bits that it has without spans: no row looks at another one. Members are LayerNorm and LinearPacked.

import { rowsOfBlock } from "./block-product";
import { layerNormRows } from "./layer-norm";
import { Opcode } from "./opcodes";
import { linearPackedRows } from "./packed-weight";
import { count, cutUnevenly, first } from "./share";

/** Header: opcode, words, rows. */
const HEADER_BYTES: usize = 12;
/**
 * Rows that go through a span together: DeiT-Tiny's 13 widths of 192 values are 1.4 MiB for 144 rows. On a second-level
 * cache of 2 MiB, 48 to 204 rows differ by 2% only: more rows leave the cache, fewer read the weights more often.
 */
const ROWS_TOGETHER: usize = 144;

export function span(at: usize): void {
  const unit = rowsOfBlock();
  cutUnevenly(<usize>load<u32>(at + 8), unit);
  const begin = first;
  const rows = count;
  const end = at + ((<usize>load<u32>(at + 4)) << 2);
  const groups = (rows + ROWS_TOGETHER - 1) / ROWS_TOGETHER;
  const units = (rows + unit - 1) / unit;
  for (let i: usize = 0; i < groups; i++) {
    const from = min(rows, ((units * i) / groups) * unit);
    const to = min(rows, ((units * (i + 1)) / groups) * unit);
    let member = at + HEADER_BYTES;
    while (member < end) {
      memberRows(member, begin + from, to - from);
      member += (<usize>load<u32>(member + 4)) << 2;
    }
  }
}

/** Operand i of a member moved on by `row` rows of `values` values; an absent one stays absent. */
function rowOf(member: usize, i: usize, row: usize, values: usize): usize {
  const address = operand(member, i);
  return address ? address + ((row * values) << 2) : 0;
}

function operand(member: usize, i: usize): usize {
  return <usize>load<u32>(member + 8 + (i << 2));
}

function memberRows(at: usize, row: usize, rows: usize): void {
  if (load<u32>(at) === Opcode.LayerNorm) {
    const width = operand(at, 7);
    const x = rowOf(at, 0, row, width);
    const y = rowOf(at, 3, row, width);
    const epsilon = reinterpret<f32>(<u32>operand(at, 8));
    layerNormRows(
      x,
      operand(at, 1),
      operand(at, 2),
      y,
      rowOf(at, 4, row, 1),
      rowOf(at, 5, row, 1),
      rows,
      width,
      epsilon,
    );
    return;
  }
  const k = operand(at, 6);
  const n = operand(at, 7);
  const x = rowOf(at, 0, row, k);
  const plus = rowOf(at, 3, row, n);
  const y = rowOf(at, 4, row, n);
  linearPackedRows(x, operand(at, 1), operand(at, 2), plus, y, rows, k, n, <u32>operand(at, 8));
}
