// Convolution: y = x ∗ weight + bias. x [B,H,W,I], weight [O,K,K,I/G], bias? [O], y [B,OH,OW,O]. An invocation a value of y,
// 256 a workgroup, straight from the definition: right on every device, and not tiled yet.

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
  biased: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(ELEMENTS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = elementOf(id, groups);
  if (i >= p.count) {
    return;
  }
  let output = i % p.outputs;
  let pixel = i / p.outputs;
  let top = ((pixel / p.outWidth) % p.outHeight) * p.stride;
  let left = (pixel % p.outWidth) * p.stride;
  let sample = pixel / (p.outWidth * p.outHeight);
  let depth = p.inputs / p.convGroups;
  let firstInput = output / (p.outputs / p.convGroups) * depth;
  var sum = 0.0;
  for (var ky = 0u; ky < p.side; ky++) {
    for (var kx = 0u; kx < p.side; kx++) {
      // Places in the padded image; those of the padding itself are 0.
      let row = top + ky;
      let column = left + kx;
      if (row < p.padding || column < p.padding) {
        continue;
      }
      if (row - p.padding >= p.height || column - p.padding >= p.width) {
        continue;
      }
      let atX = ((sample * p.height + row - p.padding) * p.width + column - p.padding) * p.inputs + firstInput;
      let atWeight = ((output * p.side + ky) * p.side + kx) * depth;
      for (var c = 0u; c < depth; c++) {
        sum += x[atX + c] * weight[atWeight + c];
      }
    }
  }
  if (p.biased != 0u) {
    sum += bias[output];
  }
  y[i] = sum;
}
