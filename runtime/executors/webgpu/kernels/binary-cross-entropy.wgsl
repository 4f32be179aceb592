// Binary cross-entropy (torch's BCEWithLogitsLoss): loss = 1/C·Σ log(1 + exp(z)) − t·z, and dLogits = dLoss/C·(σ(z) − t).
// logits z, targets t, dLogits [rows, classes], loss, dLoss [rows]. The dispatch sets LOSS and GRADIENT for what is
// requested. A workgroup of 64 per row.

// #include "row.wgsl"

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
  // #if LOSS
  var terms = 0.0;
  for (var i = lane; i < p.classes; i += LANES) {
    let z = logits[start + i];
    terms += max(z, 0.0) + log(1.0 + exp(-abs(z))) - z * targets[start + i];
  }
  let value = sumOverLanes(terms, lane);
  if (lane == 0u) {
    loss[row] = value / f32(p.classes);
  }
  // #endif
  // #if GRADIENT
  let factor = dLoss[row] / f32(p.classes);
  for (var i = lane; i < p.classes; i += LANES) {
    let z = clamp(logits[start + i], -87.0, 87.0);
    dLogits[start + i] = factor * (1.0 / (1.0 + exp(-z)) - targets[start + i]);
  }
  // #endif
}
