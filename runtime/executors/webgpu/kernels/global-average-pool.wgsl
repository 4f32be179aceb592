// Global average pool: y = the mean over the N pixels. x [B,N,C], y [B,C].
//
// A workgroup sums 16 channels of a sample with 16 invocations each: invocation r adds pixels r, r + 16, …, then the
// 16 partial sums are added in order. Neighboring invocations read neighboring channels. Grid: blocks of 16 channels,
// samples.

const CHANNELS = 16u;
const PARTS = 16u;

struct Params {
  samples: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Partial sums of each channel.
var<workgroup> partial: array<f32, PARTS * CHANNELS>;

@compute @workgroup_size(CHANNELS, PARTS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let channel = group.x * CHANNELS + local.x;
  let sample = group.y + group.z * groups.y;
  let inside = channel < p.channels && sample < p.samples;
  var sum = 0.0;
  if (inside) {
    let first = sample * p.pixels * p.channels + channel;
    for (var pixel = local.y; pixel < p.pixels; pixel += PARTS) {
      sum += f32(x[first + pixel * p.channels]);
    }
  }
  partial[local.y * CHANNELS + local.x] = sum;
  workgroupBarrier();
  if (local.y != 0u || !inside) {
    return;
  }
  for (var part = 1u; part < PARTS; part++) {
    sum += partial[part * CHANNELS + local.x];
  }
  y[sample * p.channels + channel] = sum / f32(p.pixels);
}
