// Convolution backward, the input. dy [B,OH,OW,O], weight [O,K,K,I/G], dx [B,H,W,I]. One invocation for each value of
// dx, which gathers from every output pixel whose window contains it. Not tiled yet.

// #include "element.wgsl"

struct Params {
  count: u32,
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
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn computeElement(i: u32) {
  let input = i % p.inputs;
  let pixel = i / p.inputs;
  let row = (pixel / p.width) % p.height + p.padding;
  let column = pixel % p.width + p.padding;
  let sample = pixel / (p.width * p.height);
  let depth = p.inputs / p.convGroups;
  let outputs = p.outputs / p.convGroups;
  let firstOutput = input / depth * outputs;
  var sum = 0.0;
  for (var ky = 0u; ky < p.side; ky++) {
    for (var kx = 0u; kx < p.side; kx++) {
      if (row < ky || column < kx || (row - ky) % p.stride != 0u || (column - kx) % p.stride != 0u) {
        continue;
      }
      let outRow = (row - ky) / p.stride;
      let outColumn = (column - kx) / p.stride;
      if (outRow >= p.outHeight || outColumn >= p.outWidth) {
        continue;
      }
      let atDy = ((sample * p.outHeight + outRow) * p.outWidth + outColumn) * p.outputs + firstOutput;
      for (var o = 0u; o < outputs; o++) {
        let atWeight = (((firstOutput + o) * p.side + ky) * p.side + kx) * depth + input % depth;
        sum += dy[atDy + o] * weight[atWeight];
      }
    }
  }
  dx[i] = sum;
}
