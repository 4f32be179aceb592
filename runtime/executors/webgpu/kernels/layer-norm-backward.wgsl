// Layer norm backward, the input: with h = (x − mean)·rstd and g = dy·weight, dx = rstd·(g − mean(g) − h·mean(g·h)) +
// residual. dy, x, residual, dx [rows, width], weight [width], mean, rstd [rows]. A workgroup of 64 per row. dx may
// be dy or residual: a lane writes a value after its last read of it.

// #include "row.wgsl"

struct Params {
  rows: u32,
  width: u32,
  added: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<DyScalar>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(6) var<storage, read_write> residual: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;

fn computeRow(row: u32, lane: u32) {
  let start = row * p.width;
  let center = mean[row];
  let scale = rstd[row];
  var gradients = 0.0;
  var products = 0.0;
  for (var i = lane; i < p.width; i += LANES) {
    let g = f32(dy[start + i]) * weight[i];
    gradients += g;
    products += g * (x[start + i] - center) * scale;
  }
  let meanGradient = sumOverLanes(gradients, lane) / f32(p.width);
  let meanProduct = sumOverLanes(products, lane) / f32(p.width);
  for (var i = lane; i < p.width; i += LANES) {
    let h = (x[start + i] - center) * scale;
    var value = scale * (f32(dy[start + i]) * weight[i] - meanGradient - h * meanProduct);
    if (p.added != 0u) {
      value += residual[start + i];
    }
    dx[start + i] = value;
  }
}
