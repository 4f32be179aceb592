// Subgroup matrix tile: the blocked product on a GPU's matrix units (Dawn's chromium_experimental_subgroup_matrix).
// The includer declares lineOfA, lineOfB, finish, p.rows, p.depth and p.columns as for matrix-tile.wgsl; every last
// axis is a multiple of 4.
//
// A workgroup of WX×WY subgroups computes PM·WY × PN·WX values, a subgroup PM×PN of them as matrices of MATRIX_ROWS ×
// MATRIX_COLUMNS, MATRIX_DEPTH of the depth at once. Subgroups beyond WX·WY, which exist where a driver forms smaller
// ones than its largest, only help to load tiles and to store. STEP of the depth at a time passes through workgroup
// memory as float16, in the order of a and b: a matrix is loaded by its rows or by its columns accordingly. Results
// return through workgroup memory, one matrix of every subgroup at a time. Numerics: float32 accumulators; the order
// in which a unit adds the depth of a matrix, and its intermediate rounding, depend on the device. product-tile.ts
// has the tiles.

const TILE_ROWS = PM * WY;
const TILE_COLUMNS = PN * WX;
const MATRICES_DOWN = PM / MATRIX_ROWS;
const MATRICES_ACROSS = PN / MATRIX_COLUMNS;
const RESULT_FOURS = MATRIX_ROWS * MATRIX_COLUMNS / 4u;

alias Left = subgroup_matrix_left<f16, MATRIX_DEPTH, MATRIX_ROWS>;
alias Right = subgroup_matrix_right<f16, MATRIX_COLUMNS, MATRIX_DEPTH>;
alias Result = subgroup_matrix_result<f32, MATRIX_COLUMNS, MATRIX_ROWS>;

// A tile's lines, in vectors of four. Two vectors of padding follow each line, so that lines start in different
// banks, but still at multiples of 16 bytes, as Vulkan requires for loading a matrix.
// #if A_BY_DEPTH
const LINES_OF_A = TILE_ROWS;
const FOURS_OF_A = STEP / 4u;
// #else
const LINES_OF_A = STEP;
const FOURS_OF_A = TILE_ROWS / 4u;
// #endif
// #if B_BY_DEPTH
const LINES_OF_B = TILE_COLUMNS;
const FOURS_OF_B = STEP / 4u;
// #else
const LINES_OF_B = STEP;
const FOURS_OF_B = TILE_COLUMNS / 4u;
// #endif
const STRIDE_OF_A = FOURS_OF_A + 2u;
const STRIDE_OF_B = FOURS_OF_B + 2u;

var<workgroup> tileA: array<vec4<f16>, LINES_OF_A * STRIDE_OF_A>;
var<workgroup> tileB: array<vec4<f16>, LINES_OF_B * STRIDE_OF_B>;
// One matrix of every subgroup, by rows.
var<workgroup> results: array<vec4f, WX * WY * RESULT_FOURS>;

// Values past the last depth are 0 in both tiles, since the units multiply whole matrices. Values past the last row
// or column only reach sums that are not stored.
fn loadA(firstRow: u32, firstDepth: u32, endDepth: u32, invocation: u32) {
  for (var i = invocation; i < LINES_OF_A * FOURS_OF_A; i += INVOCATIONS) {
    let line = i / FOURS_OF_A;
    let four = i % FOURS_OF_A;
    // #if A_BY_DEPTH
    let depth = firstDepth + 4u * four;
    let value = lineOfA(firstRow + line, depth, p.depth, line);
    // #else
    let depth = firstDepth + line;
    let value = lineOfA(depth, firstRow + 4u * four, p.rows, 0u);
    // #endif
    tileA[line * STRIDE_OF_A + four] = vec4<f16>(select(vec4f(0.0), value, depth < endDepth));
  }
}

fn loadB(firstColumn: u32, firstDepth: u32, endDepth: u32, invocation: u32) {
  for (var i = invocation; i < LINES_OF_B * FOURS_OF_B; i += INVOCATIONS) {
    let line = i / FOURS_OF_B;
    let four = i % FOURS_OF_B;
    // #if B_BY_DEPTH
    let depth = firstDepth + 4u * four;
    let value = lineOfB(firstColumn + line, depth, p.depth);
    // #else
    let depth = firstDepth + line;
    let value = lineOfB(depth, firstColumn + 4u * four, p.columns);
    // #endif
    tileB[line * STRIDE_OF_B + four] = vec4<f16>(select(vec4f(0.0), value, depth < endDepth));
  }
}

// The matrix from `row` and `depth` of the tile on; offset and stride of a load count vectors of four.
fn loadLeft(row: u32, depth: u32) -> Left {
  // #if A_BY_DEPTH
  return subgroupMatrixLoad<Left, row_major>(&tileA, row * STRIDE_OF_A + depth / 4u, STRIDE_OF_A);
  // #else
  return subgroupMatrixLoad<Left, col_major>(&tileA, depth * STRIDE_OF_A + row / 4u, STRIDE_OF_A);
  // #endif
}

fn loadRight(column: u32, depth: u32) -> Right {
  // #if B_BY_DEPTH
  return subgroupMatrixLoad<Right, col_major>(&tileB, column * STRIDE_OF_B + depth / 4u, STRIDE_OF_B);
  // #else
  return subgroupMatrixLoad<Right, row_major>(&tileB, depth * STRIDE_OF_B + column / 4u, STRIDE_OF_B);
  // #endif
}

// Stores matrix (down, across) of every subgroup, from workgroup memory to y.
fn finishResults(firstRow: u32, firstColumn: u32, down: u32, across: u32, invocation: u32) {
  for (var i = invocation; i < WX * WY * RESULT_FOURS; i += INVOCATIONS) {
    let owner = i / RESULT_FOURS;
    let inMatrix = i % RESULT_FOURS;
    let row = firstRow + owner / WX * PM + down * MATRIX_ROWS + inMatrix / (MATRIX_COLUMNS / 4u);
    let column = firstColumn + owner % WX * PN + across * MATRIX_COLUMNS + 4u * (inMatrix % (MATRIX_COLUMNS / 4u));
    if (row < p.rows && column < p.columns) {
      finish(row, column, results[i]);
    }
  }
}

// The tile at (column, row) among the tiles, over the depths from depths.x to before depths.y.
fn multiply(place: vec2u, depths: vec2u, subgroup: u32, invocation: u32) {
  let firstRow = place.y * TILE_ROWS;
  let firstColumn = place.x * TILE_COLUMNS;
  let multiplies = subgroup < WX * WY;
  var sums: array<Result, MATRICES_DOWN * MATRICES_ACROSS>;
  // #if ROW_BIAS
  // In the first TILE_ROWS / 4 invocations, four rows of the tile; a is [depth, rows] wherever there is a row bias.
  var sumOfA: vec4f;
  // #endif
  // #if ROW_NORM
  findStatistics(firstRow, place.x == 0u, invocation);
  // #endif
  for (var firstDepth = depths.x; firstDepth < depths.y; firstDepth += STEP) {
    loadA(firstRow, firstDepth, depths.y, invocation);
    loadB(firstColumn, firstDepth, depths.y, invocation);
    workgroupBarrier();
    let steps = min(STEP, depths.y - firstDepth);
    // #if ROW_BIAS
    if (place.x == 0u && invocation < FOURS_OF_A) {
      for (var depth = 0u; depth < steps; depth++) {
        sumOfA += vec4f(tileA[depth * STRIDE_OF_A + invocation]);
      }
    }
    // #endif
    if (multiplies) {
      for (var depth = 0u; depth < steps; depth += MATRIX_DEPTH) {
        var right: array<Right, MATRICES_ACROSS>;
        for (var j = 0u; j < MATRICES_ACROSS; j++) {
          right[j] = loadRight(subgroup % WX * PN + j * MATRIX_COLUMNS, depth);
        }
        for (var i = 0u; i < MATRICES_DOWN; i++) {
          let left = loadLeft(subgroup / WX * PM + i * MATRIX_ROWS, depth);
          for (var j = 0u; j < MATRICES_ACROSS; j++) {
            let at = i * MATRICES_ACROSS + j;
            sums[at] = subgroupMatrixMultiplyAccumulate(left, right[j], sums[at]);
          }
        }
      }
    }
    workgroupBarrier();
  }
  // #if ROW_BIAS
  if (place.x == 0u && invocation < FOURS_OF_A) {
    for (var i = 0u; i < 4u; i++) {
      let row = firstRow + 4u * invocation + i;
      if (row < p.rows) {
        finishRowBias(row, sumOfA[i]);
      }
    }
  }
  // #endif
  for (var i = 0u; i < MATRICES_DOWN; i++) {
    for (var j = 0u; j < MATRICES_ACROSS; j++) {
      if (multiplies) {
        subgroupMatrixStore<row_major>(&results, subgroup * RESULT_FOURS, sums[i * MATRICES_ACROSS + j], MATRIX_COLUMNS / 4u);
      }
      workgroupBarrier();
      finishResults(firstRow, firstColumn, i, j, invocation);
      workgroupBarrier();
    }
  }
}
