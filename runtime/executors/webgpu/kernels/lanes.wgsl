// Lanes: sums and maxima over the 64 invocations of a workgroup, which each row-wise kernel gives one row.
//
// A tree over workgroup memory, so the order of additions is fixed. All three must be called by every invocation.

const LANES = 64u;

var<workgroup> lanes: array<f32, LANES>;

fn sumOverLanes(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  lanes[lane] = value;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step >>= 1u) {
    if (lane < step) {
      lanes[lane] += lanes[lane + step];
    }
    workgroupBarrier();
  }
  return lanes[0];
}

fn maximumOverLanes(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  lanes[lane] = value;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step >>= 1u) {
    if (lane < step) {
      lanes[lane] = max(lanes[lane], lanes[lane + step]);
    }
    workgroupBarrier();
  }
  return lanes[0];
}
