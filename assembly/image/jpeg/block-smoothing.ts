// Block smoothing: estimates of the coefficients that an incomplete progressive file lacks.
//
// libjpeg-turbo shows such a file without the visible block edges: the DC values of the 5×5 blocks around a block
// predict its lowest frequencies (jdcoefct.c; after ITU-T T.81 annex K.8, which uses 3×3). A coefficient is replaced
// only if it is still zero and its precision is not final, and an estimate never exceeds what the missing bits could
// hold. If no AC coefficient is known at all, nine are estimated and DC itself is smoothed by a Gaussian-like kernel;
// otherwise five.
//
// Equal to libjpeg-turbo 2.1.5, including its rules at the borders: in pictures two blocks wide, and with vertical
// subsampling near the first and last rows of units, versions from 3.0.1 on use other neighbors.

import { component, picture } from "./picture";
import { scanBit, scanComponentCount, scanComponentIndex, scanFirst, scanLast } from "./scan-header";

/** DC and the nine AC coefficients that can be estimated, zigzag positions 0 … 9. */
const POSITIONS: u32 = 10;
/** Offsets in bytes of those positions in a block in natural order. */
const OFFSETS: usize = memory.data<u8>([0, 2, 16, 32, 18, 4, 6, 20, 34, 48]);
/** Estimates are sums in units of 1/256. */
const ONE: u32 = 256;
/** A kernel is i16 [5, 5]; its loads reach 14 bytes further, where the neighborhood is 0. */
const KERNEL_BYTES: usize = 50;

/**
 * Weights of the 25 DC values for zigzag positions 0 … 9 if no AC coefficient is known, i16 [10, 5, 5]; the first row
 * is that of the blocks two rows above.
 */
// biome-ignore format: one kernel of 5×5 a line
const KERNELS: usize = memory.data<i16>([
  -2, -6, -8, -6, -2,  -6,  6, 42,  6, -6,  -8, 42, 152,  42, -8,  -6,   6,  42,   6, -6,  -2, -6, -8, -6, -2,
  -1, -1,  0,  1,  1,  -3, 13,  0, -13, 3,  -3, 38,   0, -38,  3,  -3,  13,   0, -13,  3,  -1, -1,  0,  1,  1,
  -1, -3, -3, -3, -1,  -1, 13, 38, 13, -1,   0,  0,   0,   0,  0,   1, -13, -38, -13,  1,   1,  3,  3,  3,  1,
   0,  0,  1,  0,  0,   0,  2,  7,  2,  0,   0, -5, -14,  -5,  0,   0,   2,   7,   2,  0,   0,  0,  1,  0,  0,
  -1,  0,  0,  0,  1,   0,  9,  0, -9,  0,   0,  0,   0,   0,  0,   0,  -9,   0,   9,  0,   1,  0,  0,  0, -1,
   0,  0,  0,  0,  0,   0,  2, -5,  2,  0,   1,  7, -14,   7,  1,   0,   2,  -5,   2,  0,   0,  0,  0,  0,  0,
   0,  0,  0,  0,  0,   0,  1,  0, -1,  0,   0,  2,   0,  -2,  0,   0,   1,   0,  -1,  0,   0,  0,  0,  0,  0,
   0,  0,  0,  0,  0,   0,  1, -3,  1,  0,   0,  0,   0,   0,  0,   0,  -1,   3,  -1,  0,   0,  0,  0,  0,  0,
   0,  0,  0,  0,  0,   0,  1,  0, -1,  0,   0, -3,   0,   3,  0,   0,   1,   0,  -1,  0,   0,  0,  0,  0,  0,
   0,  0,  0,  0,  0,   0,  1,  2,  1,  0,   0,  0,   0,   0,  0,   0,  -1,  -2,  -1,  0,   0,  0,  0,  0,  0,
], 16);

/** The same for positions 1 … 5 if some AC coefficient is known; DC and the others then stay as they are. */
// biome-ignore format: one kernel of 5×5 a line
const KERNELS_WITH_AC: usize = memory.data<i16>([
   0,  0,  0,  0,  0,   0,  0,  0,   0,  0,  -7, 50,   0, -50,  7,   0,   0,   0,   0,  0,   0,  0,  0,  0,  0,
   0,  0, -7,  0,  0,   0,  0, 50,   0,  0,   0,  0,   0,   0,  0,   0,   0, -50,   0,  0,   0,  0,  7,  0,  0,
   0,  0, -1,  0,  0,   0,  0, 13,   0,  0,   0,  0, -24,   0,  0,   0,   0,  13,   0,  0,   0,  0, -1,  0,  0,
   0, -1,  0,  1,  0,  -1, 10,  0, -10,  1,   0,  0,   0,   0,  0,   1, -10,   0,  10, -1,   0,  1,  0, -1,  0,
   0,  0,  0,  0,  0,   0,  0,  0,   0,  0,  -1, 13, -24,  13, -1,   0,   0,   0,   0,  0,   0,  0,  0,  0,  0,
], 16);
const LAST_WITH_AC: u32 = 5;

/**
 * Precision of positions 0 … 9 of each component after the scans read so far, i8 [4, 16]: the lowest bit known, 0 for
 * full precision, −1 for unknown. The earlier ones are those before the component's last scan; they apply to rows that
 * a damaged last scan does not cover.
 */
const precisions: usize = memory.data(4 * 16, 16);
const earlierPrecisions: usize = memory.data(4 * 16, 16);
let scans: u32 = 0;
let lastGoodRow: u32 = 0;

/** The DC values around a block, i16 [5, 5] and padding, and the block with its estimates, i16 [64]. */
const neighborhood: usize = memory.data(64, 16);
const smoothed: usize = memory.data(128, 16);

/** Forgets the scans of the previous file. */
export function resetPrecision(): void {
  memory.fill(precisions, 0xff, 4 * 16);
  memory.fill(earlierPrecisions, 0xff, 4 * 16);
  scans = 0;
  lastGoodRow = 0;
}

/** Records the precision that the scan whose header has been read adds; progressive frames only. */
export function notePrecision(): void {
  scans++;
  for (let i: u32 = 0; i < scanComponentCount(); i++) {
    const at = (<usize>scanComponentIndex(i)) << 4;
    if (scans > 1) memory.copy(earlierPrecisions + at, precisions + at, POSITIONS);
    for (let k = scanFirst(); k <= min(scanLast(), POSITIONS - 1); k++)
      store<u8>(precisions + at + <usize>k, <u8>scanBit());
  }
}

/** Records that unit row `row` had data in the current scan. */
export function noteGoodRow(row: u32): void {
  lastGoodRow = row;
}

/**
 * True if smoothing applies: some coefficient among the first ten lacks precision, DC of every component is known, and
 * no quantizer that is divided by is 0.
 */
export function needsSmoothing(): bool {
  if (picture.frame !== 0xc2) return false;
  let useful = false;
  for (let i: u32 = 0; i < picture.componentCount; i++) {
    const multipliers = component(i).multipliers;
    const known = precisions + ((<usize>i) << 4);
    if (multipliers === 0 || load<i8>(known) < 0) return false;
    for (let k: usize = 0; k < <usize>POSITIONS; k++) {
      if (load<u16>(multipliers + <usize>load<u8>(OFFSETS + k)) === 0) return false;
      if (k > 0 && load<i8>(known + k) !== 0) useful = true;
    }
  }
  return useful;
}

/** Address of block (row, column) of component `index` with its estimates, i16 [64], valid until the next call. */
export function smoothBlock(index: u32, row: u32, column: u32): usize {
  const c = component(index);
  const source = c.coefficients + <usize>(row * c.blocksAcross + column) * 128;
  for (let at: usize = 0; at < 128; at += 16) v128.store(smoothed + at, v128.load(source + at));
  if (row >= c.rows || column >= c.columns) return smoothed;
  const unitRow = row / c.declaredV;
  const known = (unitRow > lastGoodRow ? earlierPrecisions : precisions) + ((<usize>index) << 4);
  // Positions 1 … 9 are all unknown.
  const dcOnly = load<u64>(known, 1) === u64.MAX_VALUE && load<i8>(known, 9) < 0;
  gatherNeighborhood(index, row, column);
  const first: u32 = dcOnly ? 0 : 1;
  const last = dcOnly ? POSITIONS - 1 : LAST_WITH_AC;
  const kernels = dcOnly ? KERNELS : KERNELS_WITH_AC - KERNEL_BYTES;
  const scale = <i64>load<u16>(c.multipliers);
  const dc0 = v128.load(neighborhood);
  const dc1 = v128.load(neighborhood, 16);
  const dc2 = v128.load(neighborhood, 32);
  const dc3 = v128.load(neighborhood, 48);
  for (let k = first; k <= last; k++) {
    const offset = <usize>load<u8>(OFFSETS + <usize>k);
    const bit = <i32>load<i8>(known + <usize>k);
    if (k > 0 && (bit === 0 || load<i16>(smoothed + offset) !== 0)) continue;
    const sum = scale * <i64>Weights.sum(kernels + <usize>k * KERNEL_BYTES, dc0, dc1, dc2, dc3);
    const quantizer = <u32>load<u16>(c.multipliers + offset);
    let size = divide(<u64>(sum < 0 ? -sum : sum) + <u64>(quantizer * (ONE >> 1)), quantizer * ONE);
    if (k > 0 && bit > 0) size = min(size, (1 << bit) - 1);
    store<i16>(smoothed + offset, <i16>(sum < 0 ? -size : size));
  }
  return smoothed;
}

/** As one division of 32 bits where it fits: 64 bits take twice as long, and a block needs up to ten. */
function divide(a: u64, b: u32): i32 {
  return a <= <u64>u32.MAX_VALUE ? <i32>(<u32>a / b) : <i32>(a / <u64>b);
}

class Weights {
  /** Σ weight · DC of the 25 blocks, the DC values being in four vectors. */
  @inline static sum(kernel: usize, a: v128, b: v128, c: v128, d: v128): i32 {
    const sums = i32x4.add(
      i32x4.add(i32x4.dot_i16x8_s(a, v128.load(kernel)), i32x4.dot_i16x8_s(b, v128.load(kernel, 16))),
      i32x4.add(i32x4.dot_i16x8_s(c, v128.load(kernel, 32)), i32x4.dot_i16x8_s(d, v128.load(kernel, 48))),
    );
    const halves = i32x4.add(sums, i64x2.shuffle(sums, sums, 1, 0));
    return i32x4.extract_lane(halves, 0) + i32x4.extract_lane(halves, 1);
  }
}

/** Collects the DC values of the 25 blocks around a block; beyond the borders, the border blocks are repeated. */
function gatherNeighborhood(index: u32, row: u32, column: u32): void {
  const c = component(index);
  const v = c.declaredV;
  const unitRow = row / v;
  const y = row - unitRow * v;
  const lastUnitRow = (c.rows - 1) / v;
  const rowsHere = unitRow < lastUnitRow ? v : c.rows - unitRow * v;
  const above = y > 0 || unitRow > 0 ? row - 1 : row;
  const below = y + 1 < rowsHere || unitRow < lastUnitRow ? row + 1 : row;
  gatherRow(index, 0, y > 1 || unitRow > 1 ? row - 2 : above, column);
  gatherRow(index, 1, above, column);
  gatherRow(index, 2, row, column);
  gatherRow(index, 3, below, column);
  gatherRow(index, 4, y + 2 < rowsHere || unitRow + 1 < lastUnitRow ? row + 2 : below, column);
}

function gatherRow(index: u32, to: usize, row: u32, column: u32): void {
  const c = component(index);
  const blocks = c.coefficients + <usize>(row * c.blocksAcross) * 128;
  const last = <i32>c.columns - 1;
  if (column >= 2 && <i32>column + 2 <= last) {
    const from = blocks + <usize>column * 128;
    const at = neighborhood + to * 10;
    store<i16>(at, load<i16>(from - 256));
    store<i16>(at, load<i16>(from - 128), 2);
    store<i16>(at, load<i16>(from), 4);
    store<i16>(at, load<i16>(from, 128), 6);
    store<i16>(at, load<i16>(from, 256), 8);
    return;
  }
  for (let i: i32 = 0; i < 5; i++) {
    let from = min(max(<i32>column + i - 2, 0), last);
    // In a picture two blocks wide, the second counts only as itself and as the right neighbor of the first.
    if (last === 1 && i - 2 !== (column === 0 ? 1 : 0)) from = 0;
    store<i16>(neighborhood + ((to * 5 + <usize>i) << 1), load<i16>(blocks + <usize>from * 128));
  }
}
