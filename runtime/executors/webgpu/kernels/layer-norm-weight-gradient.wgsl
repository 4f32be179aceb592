// Layer norm backward, weight and bias: dWeight += Σ dy·(x − mean)·rstd, dBias += Σ dy over the rows. dy, x [rows,
// width], mean, rstd [rows], dWeight, dBias [width].
//
// A workgroup sums 16 columns with 16 invocations each: invocation r adds rows r, r + 16, …, then the 16 partial sums
// are added in order. Neighboring invocations read neighboring columns.
//
// Under SPLIT the rows are split among workgroups along the grid's second axis: dWeight, dBias [splits, width] hold
// partial sums, which sum-of-splits.wgsl adds. layer-norm.ts chooses the number of splits.

const COLUMNS = 16u;
const PARTS = 16u;

struct Params {
  rows: u32,
  width: u32,
  // Rows of a split.
  rowsPerSplit: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<DyScalar>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(5) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(6) var<storage, read_write> dBias: array<f32>;

// (weight, bias) of each part and column.
var<workgroup> partial: array<vec2f, PARTS * COLUMNS>;

@compute @workgroup_size(COLUMNS, PARTS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = group.x * COLUMNS + local.x;
  let end = min((group.y + 1u) * p.rowsPerSplit, p.rows);
  var sums = vec2f(0.0);
  if (column < p.width) {
    for (var row = group.y * p.rowsPerSplit + local.y; row < end; row += PARTS) {
      let at = row * p.width + column;
      sums += f32(dy[at]) * vec2f((x[at] - mean[row]) * rstd[row], 1.0);
    }
  }
  partial[local.y * COLUMNS + local.x] = sums;
  workgroupBarrier();
  if (local.y != 0u || column >= p.width) {
    return;
  }
  for (var part = 1u; part < PARTS; part++) {
    sums += partial[part * COLUMNS + local.x];
  }
  // #if SPLIT
  dWeight[group.y * p.width + column] = sums.x;
  dBias[group.y * p.width + column] = sums.y;
  // #else
  dWeight[column] += sums.x;
  dBias[column] += sums.y;
  // #endif
}
