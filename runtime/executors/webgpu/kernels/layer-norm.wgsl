// Layer norm: y = (x − mean)·rstd·weight + bias over the last axis. x, y [rows, width], weight, bias [width], mean
// and rstd [rows] where p.keeps. A workgroup of 64 per row. The variance is computed from differences with the mean
// (two passes), since E[x²] − E[x]² would cancel.

// #include "row.wgsl"

struct Params {
  rows: u32,
  width: u32,
  epsilon: f32,
  keeps: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<YScalar>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> rstd: array<f32>;

fn computeRow(row: u32, lane: u32) {
  let start = row * p.width;
  var sum = 0.0;
  for (var i = lane; i < p.width; i += LANES) {
    sum += f32(x[start + i]);
  }
  let center = sumOverLanes(sum, lane) / f32(p.width);
  var squares = 0.0;
  for (var i = lane; i < p.width; i += LANES) {
    let difference = f32(x[start + i]) - center;
    squares += difference * difference;
  }
  let variance = sumOverLanes(squares, lane) / f32(p.width);
  let scale = 1.0 / sqrt(variance + p.epsilon);
  for (var i = lane; i < p.width; i += LANES) {
    y[start + i] = YScalar((f32(x[start + i]) - center) * scale * weight[i] + bias[i]);
  }
  if (p.keeps != 0u && lane == 0u) {
    mean[row] = center;
    rstd[row] = scale;
  }
}
