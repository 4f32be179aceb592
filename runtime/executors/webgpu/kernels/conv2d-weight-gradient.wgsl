// Convolution backward, weight and bias: both are added to. dy [B,OH,OW,O], x [B,H,W,I], dWeight [O,K,K,I/G], dBias?
// [O]. A workgroup of 64 for each value of dWeight, whose lanes take output pixels in turn. Not tiled yet.

// #include "row.wgsl"

struct Params {
  rows: u32,
  height: u32,
  width: u32,
  inputs: u32,
  outputs: u32,
  side: u32,
  stride: u32,
  padding: u32,
  convGroups: u32,
  outHeight: u32,
  outWidth: u32,
  batch: u32,
  biased: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(4) var<storage, read_write> dBias: array<f32>;

fn computeRow(row: u32, lane: u32) {
  let depth = p.inputs / p.convGroups;
  let output = row / (p.side * p.side * depth);
  let ky = row / (p.side * depth) % p.side;
  let kx = row / depth % p.side;
  let input = output / (p.outputs / p.convGroups) * depth + row % depth;
  let pixels = p.batch * p.outHeight * p.outWidth;
  var sum = 0.0;
  var gradients = 0.0;
  for (var pixel = lane; pixel < pixels; pixel += LANES) {
    let g = dy[pixel * p.outputs + output];
    gradients += g;
    let top = (pixel / p.outWidth) % p.outHeight * p.stride + ky;
    let left = pixel % p.outWidth * p.stride + kx;
    if (top < p.padding || left < p.padding) {
      continue;
    }
    if (top - p.padding >= p.height || left - p.padding >= p.width) {
      continue;
    }
    let sample = pixel / (p.outWidth * p.outHeight);
    sum += g * x[((sample * p.height + top - p.padding) * p.width + left - p.padding) * p.inputs + input];
  }
  let total = sumOverLanes(sum, lane);
  let totalGradient = sumOverLanes(gradients, lane);
  if (lane != 0u) {
    return;
  }
  dWeight[row] += total;
  if (p.biased != 0u && row % (p.side * p.side * depth) == 0u) {
    dBias[output] += totalGradient;
  }
}
