// Batch norm with the statistics of the batch: y = (x − mean)·rstd·weight + bias for each channel; the running
// statistics move toward mean and the unbiased variance by `momentum`. x, y [samples, rows], all others [rows], rows
// = channels. A workgroup of 64 per channel; y may be x. The variance is computed from differences with the mean (two
// passes).

// #include "row.wgsl"

struct Params {
  rows: u32,
  samples: u32,
  epsilon: f32,
  momentum: f32,
  running: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(7) var<storage, read_write> runningMean: array<f32>;
@group(0) @binding(8) var<storage, read_write> runningVariance: array<f32>;

fn computeRow(row: u32, lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < p.samples; i += LANES) {
    sum += x[i * p.rows + row];
  }
  let center = sumOverLanes(sum, lane) / f32(p.samples);
  var squares = 0.0;
  for (var i = lane; i < p.samples; i += LANES) {
    let difference = x[i * p.rows + row] - center;
    squares += difference * difference;
  }
  let deviations = sumOverLanes(squares, lane);
  let scale = 1.0 / sqrt(deviations / f32(p.samples) + p.epsilon);
  for (var i = lane; i < p.samples; i += LANES) {
    y[i * p.rows + row] = (x[i * p.rows + row] - center) * scale * weight[row] + bias[row];
  }
  if (lane != 0u) {
    return;
  }
  mean[row] = center;
  rstd[row] = scale;
  if (p.running != 0u) {
    let unbiased = deviations / f32(max(p.samples, 2u) - 1u);
    runningMean[row] += p.momentum * (center - runningMean[row]);
    runningVariance[row] += p.momentum * (unbiased - runningVariance[row]);
  }
}
