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
// columns of one depth. Numerics: one float32 accumulator a value, ascending depth, whatever the tile; under HALF the
// factors are rounded to float16 on their way into workgroup memory. tiles.ts has the tiles and how they were found.

// #include "normal.wgsl"
// #include "matrix-operands.wgsl"
// #include "matrix-statistics.wgsl"
// #include "matrix-store.wgsl"

const TILE_ROWS = PM * WY;
const TILE_COLUMNS = PN * WX;
const INVOCATIONS = WX * WY;
const ROW_FOURS = PM / 4u;
const COLUMN_FOURS = PN / 4u;

// #if HALF
alias TileVector = vec4<f16>;
// #else
alias TileVector = vec4f;
// #endif

// [STEP, rows / 4] and [STEP, columns / 4] of the tile: four rows, or four columns, of one depth.
var<workgroup> tileA: array<TileVector, STEP * TILE_ROWS / 4u>;
var<workgroup> tileB: array<TileVector, STEP * TILE_COLUMNS / 4u>;

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
    tileA[at] = TileVector(vec4f(v0.x, v1.x, v2.x, v3.x));
    tileA[at + TILE_ROWS / 4u] = TileVector(vec4f(v0.y, v1.y, v2.y, v3.y));
    tileA[at + 2u * (TILE_ROWS / 4u)] = TileVector(vec4f(v0.z, v1.z, v2.z, v3.z));
    tileA[at + 3u * (TILE_ROWS / 4u)] = TileVector(vec4f(v0.w, v1.w, v2.w, v3.w));
    // #else
    let four = block % (TILE_ROWS / 4u);
    let depth = 4u * (block / (TILE_ROWS / 4u));
    for (var i = 0u; i < 4u; i++) {
      let value = lineOfA(firstDepth + depth + i, firstRow + 4u * four, p.rows, 0u);
      tileA[(depth + i) * (TILE_ROWS / 4u) + four] = TileVector(value);
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
    tileB[at] = TileVector(vec4f(v0.x, v1.x, v2.x, v3.x));
    tileB[at + TILE_COLUMNS / 4u] = TileVector(vec4f(v0.y, v1.y, v2.y, v3.y));
    tileB[at + 2u * (TILE_COLUMNS / 4u)] = TileVector(vec4f(v0.z, v1.z, v2.z, v3.z));
    tileB[at + 3u * (TILE_COLUMNS / 4u)] = TileVector(vec4f(v0.w, v1.w, v2.w, v3.w));
    // #else
    let four = block % (TILE_COLUMNS / 4u);
    let depth = 4u * (block / (TILE_COLUMNS / 4u));
    for (var i = 0u; i < 4u; i++) {
      let value = lineOfB(firstDepth + depth + i, firstColumn + 4u * four, p.columns);
      tileB[(depth + i) * (TILE_COLUMNS / 4u) + four] = TileVector(value);
    }
    // #endif
  }
}

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
        right[j] = vec4f(tileB[depth * (TILE_COLUMNS / 4u) + j * WX + local.x]);
      }
      for (var i = 0u; i < ROW_FOURS; i++) {
        let left = vec4f(tileA[depth * (TILE_ROWS / 4u) + local.y * ROW_FOURS + i]);
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
