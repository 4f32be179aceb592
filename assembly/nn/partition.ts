// Partition: which part of an instruction this thread works on. An instruction is divided into parts that may run in
// any order and concurrently; every output value is in one part and is computed there as it would be without the
// division.
//
// Each instance (thread) has its own, so these are plain globals. A thread that runs alone has one part, the whole.

import { assertPart } from "./checks";

let part: usize = 0;
let parts: usize = 1;

/** Start and length of this part after the last `cut` (length 0: nothing to do). */
export let first: usize = 0;
export let count: usize = 0;

export function setPart(mine: u32, all: u32): void {
  if (!ASC_NO_ASSERT) assert(mine < all, "a thread's part is not one of the parts");
  part = <usize>mine;
  parts = <usize>all;
}

/** Whether this is the part that does the work that cannot be divided. */
export function isFirstPart(): bool {
  return part === 0;
}

/** Divides `total` into equal runs of whole `unit`s; sets `first` and `count`. */
export function cut(total: usize, unit: usize): void {
  cutFor(part, parts, total, unit);
}

function cutFor(mine: usize, all: usize, total: usize, unit: usize): void {
  if (!ASC_NO_ASSERT) assert(unit > 0, "a total is cut into units of 0");
  const units = (total + unit - 1) / unit;
  first = min(total, ((units * mine) / all) * unit);
  count = min(total, ((units * (mine + 1)) / all) * unit) - first;
  if (!ASC_NO_ASSERT) assertPart(first, count, total);
}

/** Parts per thread (thread-pool.ts). */
const PARTS_PER_THREAD: usize = 4;

/**
 * Divides unevenly: half of the total as one large part per thread, a quarter as one part of half that size, and the
 * last quarter as two parts of a quarter. The first parts keep more rows together; the last ones let all threads finish
 * at the same time.
 */
export function cutUnevenly(total: usize, unit: usize): void {
  if (parts % PARTS_PER_THREAD) {
    cut(total, unit);
    return;
  }
  const threads = parts / PARTS_PER_THREAD;
  const units = (total + unit - 1) / unit;
  first = min(total, unitsBefore(part, threads, units) * unit);
  count = min(total, unitsBefore(part + 1, threads, units) * unit) - first;
  if (!ASC_NO_ASSERT) assertPart(first, count, total);
}

/** Rounded up, so that the last parts are the smaller ones. */
function unitsBefore(index: usize, threads: usize, units: usize): usize {
  const wholes: usize = 8 * threads;
  return (units * eighthsBefore(index, threads) + wholes - 1) / wholes;
}

/** Eighths of a thread's equal part that the parts before this one cover. */
function eighthsBefore(index: usize, threads: usize): usize {
  const round = index / threads;
  const rest = index % threads;
  if (round === 0) return 4 * rest;
  if (round === 1) return 4 * threads + 2 * rest;
  return (4 + round) * threads + rest;
}

/** This part's rectangle of a matrix, set by `cutGrid`. */
export let gridRow: usize = 0;
export let gridRows: usize = 0;
export let gridColumn: usize = 0;
export let gridColumns: usize = 0;

/** A multiple of the register blocks of 4 and of 6 rows. */
const ROW_UNIT: usize = 12;
/** The wider panel of the matrix product, two of the narrow one. */
const COLUMN_UNIT: usize = 16;

/**
 * Divides a result [m, n] of a matrix product into a grid of as many rectangles as there are parts. Each rectangle
 * packs its columns of B again (and transposes its rows of A, where A is stored transposed): the grid with the fewest
 * copies is chosen. Where A is read in place, reading its rows once more costs an eighth of a copy.
 */
export function cutGrid(m: usize, n: usize, transposesA: bool): void {
  let down: usize = 1;
  let least: usize = <usize>-1;
  for (let rows: usize = 1; rows <= parts; rows++) {
    if (parts % rows) continue;
    const across = parts / rows;
    const cost = rows * n + (transposesA ? across * m : (across * m) >> 3);
    if (cost < least) {
      least = cost;
      down = rows;
    }
  }
  const across = parts / down;
  cutFor(part / across, down, m, ROW_UNIT);
  gridRow = first;
  gridRows = count;
  cutFor(part % across, across, n, COLUMN_UNIT);
  gridColumn = first;
  gridColumns = count;
}
