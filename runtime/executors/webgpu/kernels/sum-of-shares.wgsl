// Sum of shares: y += Σ shares, z += Σ sharesOfZ: what several workgroups made of one sum, added up in ascending order. shares
// [shares, count], y [count]; sharesOfZ [shares, further], z [further], which may be absent (further = 0). An invocation a
// value of y or z, 256 a workgroup.

// #include "element.wgsl"

struct Params {
  count: u32,
  further: u32,
  shares: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> shares: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> sharesOfZ: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;

@compute @workgroup_size(ELEMENTS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = elementOf(id, groups);
  if (i >= p.count + p.further) {
    return;
  }
  var sum = 0.0;
  if (i < p.count) {
    for (var share = 0u; share < p.shares; share++) {
      sum += shares[share * p.count + i];
    }
    y[i] += sum;
  } else {
    let at = i - p.count;
    for (var share = 0u; share < p.shares; share++) {
      sum += sharesOfZ[share * p.further + at];
    }
    z[at] += sum;
  }
}
