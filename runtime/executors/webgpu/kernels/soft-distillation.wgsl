// Soft distillation: loss = τ²/C · Σ q·(log q − log p), and dLogits = dLoss·τ/C·(p − q), p and q the softmax of z/τ
// and of the teacher's logits/τ. logits z, teacher, dLogits [rows, classes], loss, dLoss [rows]. The dispatch sets
// LOSS and GRADIENT for what is requested. A workgroup of 64 per row; pairs are (student, teacher).

// #include "log-softmax.wgsl"

struct Params {
  rows: u32,
  classes: u32,
  tau: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> teacher: array<f32>;
// #if GRADIENT
@group(0) @binding(3) var<storage, read_write> dLoss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dLogits: array<f32>;
// #endif
// #if LOSS
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
// #endif

fn computeRow(row: u32, lane: u32) {
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
  // #if LOSS
  var terms = 0.0;
  for (var i = lane; i < p.classes; i += LANES) {
    let logarithms = vec2f(logits[start + i], teacher[start + i]) / p.tau - total;
    terms += exp(logarithms.y) * (logarithms.y - logarithms.x);
  }
  let value = sumOverLanes(terms, lane) * (p.tau * p.tau / f32(p.classes));
  if (lane == 0u) {
    loss[row] = value;
  }
  // #endif
  // #if GRADIENT
  let factor = dLoss[row] * p.tau / f32(p.classes);
  for (var i = lane; i < p.classes; i += LANES) {
    let both = exp(vec2f(logits[start + i], teacher[start + i]) / p.tau - total);
    dLogits[start + i] = factor * (both.x - both.y);
  }
  // #endif
}
