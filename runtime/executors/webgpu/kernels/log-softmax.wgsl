// Log softmax: the lowest finite number, from which a lane's maximum starts, and log Σ exp over the lanes of a row.

// #include "lanes.wgsl"

const LOWEST = -3.4028234e38;

// From the row's largest logit and this lane's Σ exp(z − largest): log Σ exp(z), over all lanes.
fn logSumExp(largest: f32, sum: f32, lane: u32) -> f32 {
  return largest + log(sumOverLanes(sum, lane));
}
