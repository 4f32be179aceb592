// Span: consecutive instructions that work row by row on the same rows, executed for a group of rows from the first
// instruction to the last before the next group starts. Their values stay in the second-level cache, and threads
// synchronize once per span.
//
// Spans change no bit: no row reads another one.

import { rowsOfBlock } from "./block-product";
import { assertPart } from "./checks";
import { executeRows } from "./generated/execute-rows";
import { next, word, wordAddress } from "./instruction-words";
import { count, cutUnevenly, first } from "./partition";

/**
 * Rows that go through a span together: DeiT-Tiny's 13 widths of 192 values are 1.4 MiB for 144 rows. On a second-level
 * cache of 2 MiB, 48 to 204 rows differ by only 2%: more rows exceed the cache, fewer read the weights more often.
 */
const ROWS_TOGETHER: usize = 144;

export function span(at: usize): void {
  const unit = rowsOfBlock();
  cutUnevenly(word(at, 0), unit);
  const begin = first;
  const rows = count;
  const end = next(at);
  const groups = (rows + ROWS_TOGETHER - 1) / ROWS_TOGETHER;
  const units = (rows + unit - 1) / unit;
  for (let i: usize = 0; i < groups; i++) {
    const from = min(rows, ((units * i) / groups) * unit);
    const to = min(rows, ((units * (i + 1)) / groups) * unit);
    if (!ASC_NO_ASSERT) assertPart(from, to - from, rows);
    for (let member = wordAddress(at, 1); member < end; member = next(member)) {
      executeRows(member, begin + from, to - from);
    }
  }
}
