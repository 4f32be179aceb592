// Matrix product: the three products of a linear layer, y = act(a·b + bias) + residual or y += a·b, by strides.
//
//   a [rows, depth]: a value lies at row·aRow + depth·aDepth;  b [depth, columns]: at depth·bDepth + column·bColumn
//   y [rows, columns] without gaps; bias [columns] in the forward product, [rows] where it takes the sums of a's rows
//
//   forward          a = x,   b = weightᵀ, EPILOGUE_BIAS | EPILOGUE_GELU | EPILOGUE_RESIDUAL
//   input gradient   a = dy,  b = weight
//   weight gradient  a = dyᵀ, b = x,       EPILOGUE_ADD | EPILOGUE_BIAS_GRADIENT
//
// A workgroup of 16×16 makes a tile of 64×64 values, an invocation 4×4 of them; 16 of the depth at a time pass through
// 8 KiB of workgroup memory, so that each value is read from the buffers once per 64 uses. Numerics: float32, one
// accumulator a value, ascending depth. Operands are read along the stride that is 1.

// #include "normal.wgsl"

const TILE = 64u;
const STEP = 16u;
const SIDE = 16u;
const SHARE = 4u;

const EPILOGUE_BIAS = 1u;
const EPILOGUE_GELU = 2u;
const EPILOGUE_RESIDUAL = 4u;
const EPILOGUE_ADD = 8u;
const EPILOGUE_BIAS_GRADIENT = 16u;

struct Params {
  rows: u32,
  depth: u32,
  columns: u32,
  aRow: u32,
  aDepth: u32,
  bDepth: u32,
  bColumn: u32,
  epilogue: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

// [STEP, TILE / 4] each, depth outermost: four rows, or four columns, of one depth.
var<workgroup> tileA: array<vec4f, STEP * SIDE>;
var<workgroup> tileB: array<vec4f, STEP * SIDE>;

// Every invocation brings one vector of each tile.
fn loadA(firstRow: u32, firstDepth: u32, invocation: u32) {
  let depth = select(invocation / SIDE, invocation % STEP, p.aDepth == 1u);
  let four = select(invocation % SIDE, invocation / STEP, p.aDepth == 1u);
  let row = firstRow + four * SHARE;
  let start = row * p.aRow + (firstDepth + depth) * p.aDepth;
  var values = vec4f(0.0);
  if (firstDepth + depth < p.depth) {
    for (var i = 0u; i < SHARE; i++) {
      if (row + i < p.rows) {
        values[i] = a[start + i * p.aRow];
      }
    }
  }
  tileA[depth * SIDE + four] = values;
}

fn loadB(firstColumn: u32, firstDepth: u32, invocation: u32) {
  let depth = select(invocation / SIDE, invocation % STEP, p.bDepth == 1u);
  let four = select(invocation % SIDE, invocation / STEP, p.bDepth == 1u);
  let column = firstColumn + four * SHARE;
  let start = (firstDepth + depth) * p.bDepth + column * p.bColumn;
  var values = vec4f(0.0);
  if (firstDepth + depth < p.depth) {
    for (var i = 0u; i < SHARE; i++) {
      if (column + i < p.columns) {
        values[i] = b[start + i * p.bColumn];
      }
    }
  }
  tileB[depth * SIDE + four] = values;
}

@compute @workgroup_size(SIDE, SIDE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) invocation: u32,
) {
  let firstRow = group.y * TILE;
  let firstColumn = group.x * TILE;
  var sums: array<vec4f, SHARE>;
  var sumOfA = vec4f(0.0);
  for (var firstDepth = 0u; firstDepth < p.depth; firstDepth += STEP) {
    loadA(firstRow, firstDepth, invocation);
    loadB(firstColumn, firstDepth, invocation);
    workgroupBarrier();
    for (var depth = 0u; depth < STEP; depth++) {
      let left = tileA[depth * SIDE + local.y];
      let right = tileB[depth * SIDE + local.x];
      sums[0] = fma(vec4f(left.x), right, sums[0]);
      sums[1] = fma(vec4f(left.y), right, sums[1]);
      sums[2] = fma(vec4f(left.z), right, sums[2]);
      sums[3] = fma(vec4f(left.w), right, sums[3]);
      sumOfA += left;
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < SHARE; i++) {
    let row = firstRow + local.y * SHARE + i;
    if (row >= p.rows) {
      continue;
    }
    if ((p.epilogue & EPILOGUE_BIAS_GRADIENT) != 0u && firstColumn == 0u && local.x == 0u) {
      bias[row] += sumOfA[i];
    }
    for (var j = 0u; j < SHARE; j++) {
      let column = firstColumn + local.x * SHARE + j;
      if (column < p.columns) {
        finish(row, column, sums[i][j]);
      }
    }
  }
}

fn finish(row: u32, column: u32, product: f32) {
  let at = row * p.columns + column;
  var value = product;
  if ((p.epilogue & EPILOGUE_BIAS) != 0u) {
    value += bias[column];
  }
  if ((p.epilogue & EPILOGUE_GELU) != 0u) {
    value = geluOf(value);
  }
  if ((p.epilogue & EPILOGUE_RESIDUAL) != 0u) {
    value += residual[at];
  }
  if ((p.epilogue & EPILOGUE_ADD) != 0u) {
    value += y[at];
  }
  y[at] = value;
}
