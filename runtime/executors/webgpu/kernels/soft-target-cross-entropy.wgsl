// Soft-target cross-entropy: loss = Σ t·(log Σ exp(z) − z), and dLogits = dLoss·(softmax(z)·Σt − t). logits z,
// targets t, dLogits [rows, classes], loss, dLoss [rows]. The dispatch sets LOSS and GRADIENT for what is requested.
// A workgroup of 64 per row.

// #include "log-softmax.wgsl"

struct Params {
  rows: u32,
  classes: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> targets: array<f32>;
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
  // #if LOSS
  var terms = 0.0;
  for (var i = lane; i < p.classes; i += LANES) {
    terms += targets[start + i] * (total - logits[start + i]);
  }
  let value = sumOverLanes(terms, lane);
  if (lane == 0u) {
    loss[row] = value;
  }
  // #endif
  // #if GRADIENT
  var part = 0.0;
  for (var i = lane; i < p.classes; i += LANES) {
    part += targets[start + i];
  }
  let mass = sumOverLanes(part, lane);
  for (var i = lane; i < p.classes; i += LANES) {
    dLogits[start + i] = dLoss[row] * (exp(logits[start + i] - total) * mass - targets[start + i]);
  }
  // #endif
}
