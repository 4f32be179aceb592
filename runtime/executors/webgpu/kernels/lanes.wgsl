// Lanes: sums and maxima over the 64 invocations of a workgroup that computes one row.
//
// Without subgroups, a tree in workgroup memory: eight barriers. With subgroups two: every subgroup reduces all 64
// values, each invocation a part of them, and combines the parts. How many invocations a subgroup has, and which
// ones, is counted at run time: WGSL leaves both open, a workgroup may not fill its subgroups, and on some drivers
// subgroup_size is the largest possible size. On one device the order of additions is fixed either way. Every
// invocation must call these functions.

const LANES = 64u;

var<workgroup> lanes: array<f32, LANES>;

// #if SUBGROUPS
fn sumOverLanes(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  lanes[lane] = value;
  workgroupBarrier();
  let invocations = subgroupAdd(1u);
  var part = 0.0;
  for (var i = subgroupExclusiveAdd(1u); i < LANES; i += invocations) {
    part += lanes[i];
  }
  return subgroupAdd(part);
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
