// Global average pool backward: dx = dy/N at each of the N pixels. dy [B,C], dx [B,N,C].

// #include "element.wgsl"

struct Params {
  count: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

fn computeElement(i: u32) {
  let sample = i / (p.pixels * p.channels);
  dx[i] = dy[sample * p.channels + i % p.channels] / f32(p.pixels);
}
