// LayerScale, the gradient of the factors: dFactors += Σ dy·x over the rows. dy, x [rows,width], dFactors [width].
//
// A workgroup sums 16 columns with 16 invocations each: invocation r adds rows r, r + 16, …, then the 16 partial sums
// are added in order. Neighboring invocations read neighboring columns.
//
// Under SPLIT the rows are split among workgroups along the grid's second axis: dFactors [splits, width] holds partial
// sums, which sum-of-splits.wgsl adds. layer-scale.ts chooses the number of splits.

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
@group(0) @binding(2) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(3) var<storage, read_write> dFactors: array<f32>;

var<workgroup> partial: array<f32, PARTS * COLUMNS>;

@compute @workgroup_size(COLUMNS, PARTS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = group.x * COLUMNS + local.x;
  let end = min((group.y + 1u) * p.rowsPerSplit, p.rows);
  var sum = 0.0;
  if (column < p.width) {
    for (var row = group.y * p.rowsPerSplit + local.y; row < end; row += PARTS) {
      let at = row * p.width + column;
      sum += f32(dy[at]) * f32(x[at]);
    }
  }
  partial[local.y * COLUMNS + local.x] = sum;
  workgroupBarrier();
  if (local.y != 0u || column >= p.width) {
    return;
  }
  for (var part = 1u; part < PARTS; part++) {
    sum += partial[part * COLUMNS + local.x];
  }
  // #if SPLIT
  dFactors[group.y * p.width + column] = sum;
  // #else
  dFactors[column] += sum;
  // #endif
}
