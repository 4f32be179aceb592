// Matrix statistics: mean and reciprocal deviation of the tile's rows, where a layer norm precedes a product. Two
// passes, as in layer-norm.wgsl. matrix-product.wgsl documents shapes and conditions.
//
// Eight invocations compute a row together and read neighboring fours of it, 128 bytes of float32 at once; their
// eight partial sums are added in order. A row has the same partial sums whatever the tile, so its statistics have
// the same bits. Workgroup memory: 8 bytes for each row of the tile, and 1 KiB for the partial sums of 32 rows at a
// time: for all 64 it would be 2 KiB, more than the matrix tiles of product-tile.ts leave of 16.

// #if ROW_NORM
const ROW_LANES = 8u;
const ROWS_AT_ONCE = min(32u, TILE_ROWS);
const_assert TILE_ROWS % ROWS_AT_ONCE == 0u;

// (mean, rstd) of the tile's rows.
var<workgroup> statistics: array<vec2f, TILE_ROWS>;
// [rows at once, lanes]
var<workgroup> partialSums: array<f32, ROWS_AT_ONCE * ROW_LANES>;

// Four differences with `center`, 0 past the row's end.
fn differences(row: u32, index: u32, center: f32) -> vec4f {
  let inside = vec4u(index, index + 1u, index + 2u, index + 3u) < vec4u(p.depth);
  return select(vec4f(0.0), fourOfA(row * p.depth + index) - center, inside);
}

// Both loops have as many iterations for every lane: llvmpipe masks each operation of loops that end at different
// iterations.
fn partialSum(row: u32, lane: u32) -> f32 {
  var sum = vec4f(0.0);
  for (var first = 0u; first < p.depth; first += 4u * ROW_LANES) {
    sum += differences(row, first + 4u * lane, 0.0);
  }
  return dot(sum, vec4f(1.0));
}

fn partialSquares(row: u32, lane: u32, center: f32) -> f32 {
  var squares = vec4f(0.0);
  for (var first = 0u; first < p.depth; first += 4u * ROW_LANES) {
    let difference = differences(row, first + 4u * lane, center);
    squares = fma(difference, difference, squares);
  }
  return dot(squares, vec4f(1.0));
}

fn meanOfPartials(i: u32) -> f32 {
  var sum = 0.0;
  for (var lane = 0u; lane < ROW_LANES; lane++) {
    sum += partialSums[i * ROW_LANES + lane];
  }
  return sum / f32(p.depth);
}

fn findStatistics(firstRow: u32, writes: bool, invocation: u32) {
  for (var first = 0u; first < TILE_ROWS; first += ROWS_AT_ONCE) {
    let begin = firstRow + first;
    // 0 where all of them are past the last row.
    let rows = min(ROWS_AT_ONCE, max(p.rows, begin) - begin);
    for (var i = invocation; i < rows * ROW_LANES; i += INVOCATIONS) {
      partialSums[i] = partialSum(begin + i / ROW_LANES, i % ROW_LANES);
    }
    workgroupBarrier();
    for (var i = invocation; i < rows; i += INVOCATIONS) {
      statistics[first + i] = vec2f(meanOfPartials(i), 0.0);
    }
    workgroupBarrier();
    for (var i = invocation; i < rows * ROW_LANES; i += INVOCATIONS) {
      let center = statistics[first + i / ROW_LANES].x;
      partialSums[i] = partialSquares(begin + i / ROW_LANES, i % ROW_LANES, center);
    }
    workgroupBarrier();
    for (var i = invocation; i < rows; i += INVOCATIONS) {
      let center = statistics[first + i].x;
      let deviation = 1.0 / sqrt(meanOfPartials(i) + p.epsilon);
      statistics[first + i] = vec2f(center, deviation);
      // #if STATISTICS
      if (writes) {
        mean[begin + i] = center;
        rstd[begin + i] = deviation;
      }
      // #endif
    }
    workgroupBarrier();
  }
}
// #endif
