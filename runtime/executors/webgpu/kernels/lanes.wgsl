// Lanes: sums and maxima over the 64 invocations of a workgroup, which each row-wise kernel gives one row.
//
// Without subgroups a tree over workgroup memory: eight barriers. With subgroups two: every subgroup takes all 64 values, each
// invocation its share of them, and adds up the shares. How many invocations a subgroup has and which they are is counted where
// it runs: WGSL leaves both open, workgroups may not fill a subgroup, and some drivers' subgroup_size is the size they could
// have taken. On one device the order of additions is fixed either way. All three must be called by every invocation.

const LANES = 64u;

var<workgroup> lanes: array<f32, LANES>;

// #if SUBGROUPS
fn sumOverLanes(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  lanes[lane] = value;
  workgroupBarrier();
  let invocations = subgroupAdd(1u);
  var share = 0.0;
  for (var i = subgroupExclusiveAdd(1u); i < LANES; i += invocations) {
    share += lanes[i];
  }
  return subgroupAdd(share);
}

fn maximumOverLanes(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  lanes[lane] = value;
  workgroupBarrier();
  let invocations = subgroupAdd(1u);
  var largest = value;
  for (var i = subgroupExclusiveAdd(1u); i < LANES; i += invocations) {
    largest = max(largest, lanes[i]);
  }
  return subgroupMax(largest);
}
// #else
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
// #endif
