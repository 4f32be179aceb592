// Log softmax: log Σ exp over a row of logits, and the start value of a maximum. The includer declares p.classes and
// logits.

// #include "row.wgsl"

const LOWEST = -3.4028234e38;

// log Σ exp(z) from the largest value and this lane's Σ exp(z − largest).
fn logSumExp(largest: f32, sum: f32, lane: u32) -> f32 {
  return largest + log(sumOverLanes(sum, lane));
}

// log Σ exp(z) of the logits from `start` on.
fn rowLogSumExp(start: u32, lane: u32) -> f32 {
  var highest = LOWEST;
  for (var i = lane; i < p.classes; i += LANES) {
    highest = max(highest, logits[start + i]);
  }
  let largest = maximumOverLanes(highest, lane);
  var sum = 0.0;
  for (var i = lane; i < p.classes; i += LANES) {
    sum += exp(logits[start + i] - largest);
  }
  return logSumExp(largest, sum, lane);
}
