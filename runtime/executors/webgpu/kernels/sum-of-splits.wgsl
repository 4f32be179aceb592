// Sum of splits: y += Σ splits, z += Σ splitsOfZ: adds the partial sums of several workgroups in ascending order.
// splits [p.splits, countOfY], y [countOfY]; splitsOfZ [p.splits, count − countOfY], z [count − countOfY], which may
// be absent. One invocation for each value of y and z.

// #include "element.wgsl"

struct Params {
  count: u32,
  countOfY: u32,
  splits: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> splits: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> splitsOfZ: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;

fn computeElement(i: u32) {
  var sum = 0.0;
  if (i < p.countOfY) {
    for (var split = 0u; split < p.splits; split++) {
      sum += splits[split * p.countOfY + i];
    }
    y[i] += sum;
  } else {
    let at = i - p.countOfY;
    for (var split = 0u; split < p.splits; split++) {
      sum += splitsOfZ[split * (p.count - p.countOfY) + at];
    }
    z[at] += sum;
  }
}
