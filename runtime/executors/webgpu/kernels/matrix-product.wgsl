// Matrix product: the three products of a linear layer, with what stands before and behind them done on the way.
//
//   forward          a = x  [rows, depth],   b = weight [columns, depth]: y = act(norm(x)·weightᵀ + bias)·scale + residual
//   input gradient   a = dy [rows, depth],   b = weight [depth, columns]: y = (scale·dy)·weight ∘ gelu'(hidden)
//   weight gradient  a = dy [depth, rows],   b = x [depth, columns]:      y += (scale·dy)ᵀ·norm(x), rowBias += Σ scale·dy
//
// y [rows, columns]; bias [columns], rowBias [rows]; residual, hidden [rows, columns]; scale [samples], one
// value for each rowsPerSample rows; mean, rstd [rows of x], normWeight, normBias [width of x]. The loader sets
// A_BY_DEPTH and B_BY_DEPTH (1 where the depth is the last axis of a, of b), VECTORS (1 where every last axis is a
// multiple of 4), which of BIAS … ADD take part, and the tile:
//
// A workgroup of WX×WY makes PM·WY × PN·WX values, an invocation PM×PN of them in registers. STEP of the depth at a time
// pass through workgroup memory; an invocation brings blocks of 4×4, turned so that a vector holds four rows or four
// columns of one depth. Numerics: float32, one accumulator a value, ascending depth, whatever the tile. The layer norm's
// mean and variance take two passes over the workgroup's rows, as layer-norm.wgsl does. linear-dispatches.ts has the
// tiles and how they were found.

// #include "normal.wgsl"

const TILE_ROWS = PM * WY;
const TILE_COLUMNS = PN * WX;
const INVOCATIONS = WX * WY;
const ROW_FOURS = PM / 4u;
const COLUMN_FOURS = PN / 4u;

struct Params {
  rows: u32,
  depth: u32,
  columns: u32,
  rowsPerSample: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
// #if VECTORS
@group(0) @binding(1) var<storage, read_write> a: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
// #if BIAS
@group(0) @binding(4) var<storage, read_write> bias: array<vec4f>;
// #endif
// #if RESIDUAL
@group(0) @binding(5) var<storage, read_write> residual: array<vec4f>;
// #endif
// #if GELU_SLOPE
@group(0) @binding(6) var<storage, read_write> hidden: array<vec4f>;
// #endif
// #if NORM
@group(0) @binding(7) var<storage, read_write> normWeight: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> normBias: array<vec4f>;
// #endif
// #else
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
// #if BIAS
@group(0) @binding(4) var<storage, read_write> bias: array<f32>;
// #endif
// #if RESIDUAL
@group(0) @binding(5) var<storage, read_write> residual: array<f32>;
// #endif
// #if GELU_SLOPE
@group(0) @binding(6) var<storage, read_write> hidden: array<f32>;
// #endif
// #if NORM
@group(0) @binding(7) var<storage, read_write> normWeight: array<f32>;
@group(0) @binding(8) var<storage, read_write> normBias: array<f32>;
// #endif
// #endif
// #if SCALE
@group(0) @binding(9) var<storage, read_write> scale: array<f32>;
// #endif
// #if STATISTICS
@group(0) @binding(10) var<storage, read_write> mean: array<f32>;
@group(0) @binding(11) var<storage, read_write> rstd: array<f32>;
// #endif
// #if ROW_BIAS
@group(0) @binding(12) var<storage, read_write> rowBias: array<f32>;
// #endif

// [STEP, rows / 4] and [STEP, columns / 4] of the tile: four rows, or four columns, of one depth.
var<workgroup> tileA: array<vec4f, STEP * TILE_ROWS / 4u>;
var<workgroup> tileB: array<vec4f, STEP * TILE_COLUMNS / 4u>;
// #if ROW_NORM
// (mean, rstd) of the tile's rows.
var<workgroup> statistics: array<vec2f, TILE_ROWS>;
// #endif

// Four values of a from `first` on. What lies behind a row's end or behind the last row is read as it comes: it only
// reaches sums that nobody stores, and WGSL keeps every read inside the buffer.
fn fourOfA(first: u32) -> vec4f {
  // #if VECTORS
  return a[first / 4u];
  // #else
  return vec4f(a[first], a[first + 1u], a[first + 2u], a[first + 3u]);
  // #endif
}

fn fourOfB(first: u32) -> vec4f {
  // #if VECTORS
  return b[first / 4u];
  // #else
  return vec4f(b[first], b[first + 1u], b[first + 2u], b[first + 3u]);
  // #endif
}

// #if NORM
fn normed(values: vec4f, statistic: vec2f, index: u32) -> vec4f {
  let standard = (values - statistic.x) * statistic.y;
  // #if VECTORS
  return fma(standard, normWeight[index / 4u], normBias[index / 4u]);
  // #else
  let weights = vec4f(normWeight[index], normWeight[index + 1u], normWeight[index + 2u], normWeight[index + 3u]);
  let biases = vec4f(normBias[index], normBias[index + 1u], normBias[index + 2u], normBias[index + 3u]);
  return fma(standard, weights, biases);
  // #endif
}
// #endif

// Four values of a's line (a row, or a depth) from `index` on; `inTile` counts lines from the tile's first.
fn lineOfA(line: u32, index: u32, length: u32, inTile: u32) -> vec4f {
  var values = fourOfA(line * length + index);
  // #if SCALE_A
  values *= scale[line / p.rowsPerSample];
  // #endif
  // #if ROW_NORM
  values = normed(values, statistics[inTile], index);
  // #endif
  return values;
}

fn lineOfB(line: u32, index: u32, length: u32) -> vec4f {
  let values = fourOfB(line * length + index);
  // #if DEPTH_NORM
  return normed(values, vec2f(mean[line], rstd[line]), index);
  // #else
  return values;
  // #endif
}

// Neighbouring invocations read on along the last axis.
fn loadA(firstRow: u32, firstDepth: u32, invocation: u32) {
  for (var block = invocation; block < STEP / 4u * (TILE_ROWS / 4u); block += INVOCATIONS) {
    // #if A_BY_DEPTH
    let depth = 4u * (block % (STEP / 4u));
    let four = block / (STEP / 4u);
    let row = firstRow + 4u * four;
    let index = firstDepth + depth;
    let v0 = lineOfA(row, index, p.depth, 4u * four);
    let v1 = lineOfA(row + 1u, index, p.depth, 4u * four + 1u);
    let v2 = lineOfA(row + 2u, index, p.depth, 4u * four + 2u);
    let v3 = lineOfA(row + 3u, index, p.depth, 4u * four + 3u);
    let at = depth * (TILE_ROWS / 4u) + four;
    tileA[at] = vec4f(v0.x, v1.x, v2.x, v3.x);
    tileA[at + TILE_ROWS / 4u] = vec4f(v0.y, v1.y, v2.y, v3.y);
    tileA[at + 2u * (TILE_ROWS / 4u)] = vec4f(v0.z, v1.z, v2.z, v3.z);
    tileA[at + 3u * (TILE_ROWS / 4u)] = vec4f(v0.w, v1.w, v2.w, v3.w);
    // #else
    let four = block % (TILE_ROWS / 4u);
    let depth = 4u * (block / (TILE_ROWS / 4u));
    for (var i = 0u; i < 4u; i++) {
      let value = lineOfA(firstDepth + depth + i, firstRow + 4u * four, p.rows, 0u);
      tileA[(depth + i) * (TILE_ROWS / 4u) + four] = value;
    }
    // #endif
  }
}

fn loadB(firstColumn: u32, firstDepth: u32, invocation: u32) {
  for (var block = invocation; block < STEP / 4u * (TILE_COLUMNS / 4u); block += INVOCATIONS) {
    // #if B_BY_DEPTH
    let depth = 4u * (block % (STEP / 4u));
    let four = block / (STEP / 4u);
    let column = firstColumn + 4u * four;
    let index = firstDepth + depth;
    let v0 = lineOfB(column, index, p.depth);
    let v1 = lineOfB(column + 1u, index, p.depth);
    let v2 = lineOfB(column + 2u, index, p.depth);
    let v3 = lineOfB(column + 3u, index, p.depth);
    let at = depth * (TILE_COLUMNS / 4u) + four;
    tileB[at] = vec4f(v0.x, v1.x, v2.x, v3.x);
    tileB[at + TILE_COLUMNS / 4u] = vec4f(v0.y, v1.y, v2.y, v3.y);
    tileB[at + 2u * (TILE_COLUMNS / 4u)] = vec4f(v0.z, v1.z, v2.z, v3.z);
    tileB[at + 3u * (TILE_COLUMNS / 4u)] = vec4f(v0.w, v1.w, v2.w, v3.w);
    // #else
    let four = block % (TILE_COLUMNS / 4u);
    let depth = 4u * (block / (TILE_COLUMNS / 4u));
    for (var i = 0u; i < 4u; i++) {
      let value = lineOfB(firstDepth + depth + i, firstColumn + 4u * four, p.columns);
      tileB[(depth + i) * (TILE_COLUMNS / 4u) + four] = value;
    }
    // #endif
  }
}

// #if ROW_NORM
fn findStatistics(firstRow: u32, writes: bool, invocation: u32) {
  for (var i = invocation; i < TILE_ROWS; i += INVOCATIONS) {
    let row = firstRow + i;
    if (row >= p.rows) {
      continue;
    }
    var sum = vec4f(0.0);
    for (var index = 0u; index < p.depth; index += 4u) {
      let inside = vec4u(index, index + 1u, index + 2u, index + 3u) < vec4u(p.depth);
      sum += select(vec4f(0.0), fourOfA(row * p.depth + index), inside);
    }
    let center = dot(sum, vec4f(1.0)) / f32(p.depth);
    var squares = vec4f(0.0);
    for (var index = 0u; index < p.depth; index += 4u) {
      let inside = vec4u(index, index + 1u, index + 2u, index + 3u) < vec4u(p.depth);
      let difference = select(vec4f(0.0), fourOfA(row * p.depth + index) - center, inside);
      squares = fma(difference, difference, squares);
    }
    let deviation = 1.0 / sqrt(dot(squares, vec4f(1.0)) / f32(p.depth) + p.epsilon);
    statistics[i] = vec2f(center, deviation);
    // #if STATISTICS
    if (writes) {
      mean[row] = center;
      rstd[row] = deviation;
    }
    // #endif
  }
  workgroupBarrier();
}
// #endif

@compute @workgroup_size(WX, WY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) invocation: u32,
) {
  let firstRow = group.y * TILE_ROWS;
  let firstColumn = group.x * TILE_COLUMNS;
  var sums: array<vec4f, PM * COLUMN_FOURS>;
  // #if ROW_BIAS
  var sumOfA: array<vec4f, ROW_FOURS>;
  // #endif
  // #if ROW_NORM
  findStatistics(firstRow, group.x == 0u, invocation);
  // #endif
  for (var firstDepth = 0u; firstDepth < p.depth; firstDepth += STEP) {
    loadA(firstRow, firstDepth, invocation);
    loadB(firstColumn, firstDepth, invocation);
    workgroupBarrier();
    // Not a constant, so that no compiler repeats the body STEP times.
    let steps = min(STEP, p.depth - firstDepth);
    for (var depth = 0u; depth < steps; depth++) {
      var right: array<vec4f, COLUMN_FOURS>;
      for (var j = 0u; j < COLUMN_FOURS; j++) {
        right[j] = tileB[depth * (TILE_COLUMNS / 4u) + j * WX + local.x];
      }
      for (var i = 0u; i < ROW_FOURS; i++) {
        let left = tileA[depth * (TILE_ROWS / 4u) + local.y * ROW_FOURS + i];
        // #if ROW_BIAS
        sumOfA[i] += left;
        // #endif
        for (var j = 0u; j < COLUMN_FOURS; j++) {
          let at = 4u * i * COLUMN_FOURS + j;
          sums[at] = fma(vec4f(left.x), right[j], sums[at]);
          sums[at + COLUMN_FOURS] = fma(vec4f(left.y), right[j], sums[at + COLUMN_FOURS]);
          sums[at + 2u * COLUMN_FOURS] = fma(vec4f(left.z), right[j], sums[at + 2u * COLUMN_FOURS]);
          sums[at + 3u * COLUMN_FOURS] = fma(vec4f(left.w), right[j], sums[at + 3u * COLUMN_FOURS]);
        }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < PM; i++) {
    let row = firstRow + local.y * PM + i;
    if (row >= p.rows) {
      continue;
    }
    // #if ROW_BIAS
    if (group.x == 0u && local.x == 0u) {
      rowBias[row] += sumOfA[i / 4u][i % 4u];
    }
    // #endif
    for (var j = 0u; j < COLUMN_FOURS; j++) {
      let column = firstColumn + 4u * (j * WX + local.x);
      if (column < p.columns) {
        finish(row, column, sums[i * COLUMN_FOURS + j]);
      }
    }
  }
}

// Four columns of a row.
fn finish(row: u32, column: u32, product: vec4f) {
  var value = product;
  // #if SCALE_Y
  let factor = scale[row / p.rowsPerSample];
  // #endif
  // #if VECTORS
  let at = (row * p.columns + column) / 4u;
  // #if BIAS
  value += bias[column / 4u];
  // #endif
  // #if GELU
  value = geluOf(value);
  // #endif
  // #if GELU_SLOPE
  value *= geluSlope(hidden[at]);
  // #endif
  // #if SCALE_Y
  value *= factor;
  // #endif
  // #if RESIDUAL
  value += residual[at];
  // #endif
  // #if ADD
  value += y[at];
  // #endif
  y[at] = value;
  // #else
  for (var i = 0u; i < min(4u, p.columns - column); i++) {
    let at = row * p.columns + column + i;
    var one = value[i];
    // #if BIAS
    one += bias[column + i];
    // #endif
    // #if GELU
    one = geluOf(vec4f(one)).x;
    // #endif
    // #if GELU_SLOPE
    one *= geluSlope(vec4f(hidden[at])).x;
    // #endif
    // #if SCALE_Y
    one *= factor;
    // #endif
    // #if RESIDUAL
    one += residual[at];
    // #endif
    // #if ADD
    one += y[at];
    // #endif
    y[at] = one;
  }
  // #endif
}
