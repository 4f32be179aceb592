// Soft distillation backward: dLogits = dLoss·τ/C·(p − q). logits, teacher, dLogits [rows, classes], dLoss [rows]. A
// workgroup of 64 a row; pairs hold (student, teacher).

// #include "log-softmax.wgsl"

struct Params {
  rows: u32,
  classes: u32,
  tau: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> teacher: array<f32>;
@group(0) @binding(3) var<storage, read_write> dLoss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dLogits: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) {
    return;
  }
  let start = row * p.classes;
  var highest = vec2f(LOWEST);
  for (var i = lane; i < p.classes; i += LANES) {
    highest = max(highest, vec2f(logits[start + i], teacher[start + i]) / p.tau);
  }
  let largest = vec2f(maximumOverLanes(highest.x, lane), maximumOverLanes(highest.y, lane));
  var sum = vec2f(0.0);
  for (var i = lane; i < p.classes; i += LANES) {
    sum += exp(vec2f(logits[start + i], teacher[start + i]) / p.tau - largest);
  }
  let total = vec2f(logSumExp(largest.x, sum.x, lane), logSumExp(largest.y, sum.y, lane));
  let factor = dLoss[row] * p.tau / f32(p.classes);
  for (var i = lane; i < p.classes; i += LANES) {
    let both = exp(vec2f(logits[start + i], teacher[start + i]) / p.tau - total);
    dLogits[start + i] = factor * (both.x - both.y);
  }
}
