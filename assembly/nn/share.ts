// Share: which part of an instruction this thread works on. An instruction is cut into parts that may run in any
// order and at once; every output value lies in one part and is computed there as it would be without the cut.
//
// Each instance (thread) has its own, so these are plain globals. Alone, a thread has the one part that is everything.

let part: usize = 0;
let parts: usize = 1;

/** Where the cut of the last `cut` begins, and how many units of the total it has (0: nothing to do here). */
export let first: usize = 0;
export let count: usize = 0;

export function setShare(mine: u32, all: u32): void {
  part = <usize>mine;
  parts = <usize>all;
}

/** Whether this is the part that does what cannot be cut. */
export function isFirstPart(): bool {
  return part === 0;
}

/** Cuts `total` things into equal runs of whole `unit`s; sets `first` and `count`. */
export function cut(total: usize, unit: usize): void {
  cutFor(part, parts, total, unit);
}

function cutFor(mine: usize, all: usize, total: usize, unit: usize): void {
  const units = (total + unit - 1) / unit;
  first = min(total, ((units * mine) / all) * unit);
  count = min(total, ((units * (mine + 1)) / all) * unit) - first;
}

/** The rectangle of a matrix that `cutGrid` gave. */
export let gridRow: usize = 0;
export let gridRows: usize = 0;
export let gridColumn: usize = 0;
export let gridColumns: usize = 0;

/** A multiple of the register blocks of 4 and of 6 rows. */
const ROW_UNIT: usize = 12;
/** The wider panel of the matrix product, two of the narrow one. */
const COLUMN_UNIT: usize = 16;

/**
 * Cuts a result [m, n] of a matrix product into a grid of as many rectangles as there are parts. Each rectangle packs
 * its columns of B again (and turns its rows of A, where A is transposed): the grid that copies least is taken. Where A
 * is read in place, reading its rows once more costs an eighth of a copy.
 */
export function cutGrid(m: usize, n: usize, turnsA: bool): void {
  let down: usize = 1;
  let least: usize = <usize>-1;
  for (let rows: usize = 1; rows <= parts; rows++) {
    if (parts % rows) continue;
    const across = parts / rows;
    const cost = rows * n + (turnsA ? across * m : (across * m) >> 3);
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
