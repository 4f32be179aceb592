// Matrix tile: the blocked product itself. The includer declares lineOfA and lineOfB, which give four values of a and
// of b, finish, which stores four sums, and p.rows, p.depth, p.columns. matrix-product.wgsl documents the constants
// and how a workgroup divides its work.

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

// Neighboring invocations read neighboring values of the last axis.
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

// The tile at (column, row) among the tiles, over the depths from depths.x to before depths.y.
fn multiply(place: vec2u, depths: vec2u, local: vec3u, invocation: u32) {
  let firstRow = place.y * TILE_ROWS;
  let firstColumn = place.x * TILE_COLUMNS;
  var sums: array<vec4f, PM * COLUMN_FOURS>;
  // #if ROW_BIAS
  var sumOfA: array<vec4f, ROW_FOURS>;
  // #endif
  // #if ROW_NORM
  findStatistics(firstRow, place.x == 0u, invocation);
  // #endif
  for (var firstDepth = depths.x; firstDepth < depths.y; firstDepth += STEP) {
    loadA(firstRow, firstDepth, invocation);
    loadB(firstColumn, firstDepth, invocation);
    workgroupBarrier();
    // Not a constant, so that compilers do not unroll the loop STEP times.
    let steps = min(STEP, depths.y - firstDepth);
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
    if (place.x == 0u && local.x == 0u) {
      finishRowBias(row, sumOfA[i / 4u][i % 4u]);
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
