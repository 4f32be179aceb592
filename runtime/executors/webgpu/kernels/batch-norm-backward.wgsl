// Batch norm backward: with h = (x − mean)·rstd, dx = weight·rstd·(dy − mean(dy) − h·mean(dy·h)), dWeight += Σ dy·h,
// dBias += Σ dy. dy, x, dx [samples, rows], all others [rows], rows = channels. A workgroup of 64 per channel; dx may
// be dy or x.

// #include "row.wgsl"

struct Params {
  rows: u32,
  samples: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(8) var<storage, read_write> dBias: array<f32>;

fn computeRow(row: u32, lane: u32) {
  let center = mean[row];
  let scale = rstd[row];
  var gradients = 0.0;
  var products = 0.0;
  for (var i = lane; i < p.samples; i += LANES) {
    let g = dy[i * p.rows + row];
    gradients += g;
    products += g * (x[i * p.rows + row] - center) * scale;
  }
  let sumOfGradients = sumOverLanes(gradients, lane);
  let sumOfProducts = sumOverLanes(products, lane);
  let count = f32(p.samples);
  for (var i = lane; i < p.samples; i += LANES) {
    let h = (x[i * p.rows + row] - center) * scale;
    let rest = dy[i * p.rows + row] - sumOfGradients / count - h * sumOfProducts / count;
    dx[i * p.rows + row] = weight[row] * scale * rest;
  }
  if (lane == 0u) {
    dWeight[row] += sumOfProducts;
    dBias[row] += sumOfGradients;
  }
}
