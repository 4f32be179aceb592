// Scale channels, the gradient of the scale: dScale = Σ over pixels of dy·x. dy, x [B,N,C], dScale [B,C]. A workgroup
// of 64 for each value of dScale.

// #include "row.wgsl"

struct Params {
  rows: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dScale: array<f32>;

fn computeRow(row: u32, lane: u32) {
  let start = (row / p.channels) * p.pixels * p.channels + row % p.channels;
  var sum = 0.0;
  for (var i = lane; i < p.pixels; i += LANES) {
    sum += dy[start + i * p.channels] * x[start + i * p.channels];
  }
  let total = sumOverLanes(sum, lane);
  if (lane == 0u) {
    dScale[row] = total;
  }
}
