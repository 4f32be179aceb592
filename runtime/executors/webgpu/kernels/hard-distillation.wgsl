// Hard distillation: loss = cross-entropy with the teacher's first largest logit, and dLogits = dLoss·(softmax(z) −
// one-hot of it). logits z, teacher, dLogits [rows, classes], loss, dLoss [rows]. The dispatch sets LOSS and GRADIENT
// for what is requested. A workgroup of 64 per row.

// #include "log-softmax.wgsl"

struct Params {
  rows: u32,
  classes: u32,
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
  let total = rowLogSumExp(start, lane);
  var best = LOWEST;
  for (var i = lane; i < p.classes; i += LANES) {
    best = max(best, teacher[start + i]);
  }
  let strongest = maximumOverLanes(best, lane);
  // Of equal logits the first: the largest of the negated indices. Indices below 2²⁴ are exact.
  var place = LOWEST;
  for (var i = lane; i < p.classes; i += LANES) {
    if (teacher[start + i] == strongest) {
      place = max(place, -f32(i));
    }
  }
  let label = u32(-maximumOverLanes(place, lane));
  // #if LOSS
  if (lane == 0u) {
    loss[row] = total - logits[start + label];
  }
  // #endif
  // #if GRADIENT
  for (var i = lane; i < p.classes; i += LANES) {
    let wanted = select(0.0, 1.0, i == label);
    dLogits[start + i] = dLoss[row] * (exp(logits[start + i] - total) - wanted);
  }
  // #endif
}
