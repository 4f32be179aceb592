// Loss scale: torch.amp.GradScaler's unscale_ and update, before the optimizer's step instead of after it.
//
// The gradients are multiplied by `scale`. AdamW gets settings that undo this with gradientScale = 1/scale, and that
// correct the moments' bias for the steps that were applied, without the skipped ones:
//
//   finite:     goodSteps + 1; at `interval` of them scale·growth, and goodSteps is 0
//   not finite: scale·backoff, goodSteps is 0, skipped + 1
//
// settings, unscaled [12], in the order of ADAMW_SETTINGS of the graph, and norm are pairs (high, low)
// whose sum is the double; scale, goodSteps, skipped [1]; report [4]: the scale of these gradients, then the new
// state. Numerics: double floats. As long as no step was skipped, the corrections are the host's. Whether norm is
// finite is decided by its exponent bits, since compilers may assume that there are no infinities. One invocation.

// #include "double-float.wgsl"
// #include "optimizer-settings.wgsl"

// 2^126: the reciprocal of a larger power of two is subnormal in float32.
const LARGEST_SCALE = 0x1p126;

struct Params {
  growth: f32,
  backoff: f32,
  interval: f32,
  zero: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> settings: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> norm: array<u32>;
@group(0) @binding(3) var<storage, read_write> unscaled: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> report: array<f32>;
@group(0) @binding(5) var<storage, read_write> scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> goodSteps: array<f32>;
@group(0) @binding(7) var<storage, read_write> skipped: array<f32>;

@compute @workgroup_size(1)
fn main() {
  for (var i = 0u; i < SETTINGS; i++) {
    unscaled[i] = settings[i];
  }
  let before = scale[0];
  unscaled[GRADIENT_SCALE] = divide(vec2f(1.0, 0.0), vec2f(before, 0.0));
  if (skipped[0] > 0.0) {
    let steps = u32(max(1.0, settings[STEP].x - skipped[0]));
    unscaled[BIAS_CORRECTION1] = subtract(vec2f(1.0, 0.0), power(settings[BETA1], steps));
    unscaled[BIAS_CORRECTION2] = subtract(vec2f(1.0, 0.0), power(settings[BETA2], steps));
  }
  if ((norm[0] & EXPONENT_BITS) == EXPONENT_BITS) {
    scale[0] = before * p.backoff;
    goodSteps[0] = 0.0;
    skipped[0] += 1.0;
  } else {
    let good = goodSteps[0] + 1.0;
    let grown = before * p.growth;
    goodSteps[0] = select(0.0, good, good < p.interval);
    scale[0] = select(before, grown, good >= p.interval && grown <= LARGEST_SCALE);
  }
  report[0] = before;
  report[1] = scale[0];
  report[2] = goodSteps[0];
  report[3] = skipped[0];
}

// base^exponent by squaring.
fn power(base: vec2f, exponent: u32) -> vec2f {
  var result = vec2f(1.0, 0.0);
  var factor = base;
  for (var left = exponent; left > 0u; left >>= 1u) {
    if ((left & 1u) != 0u) {
      result = multiply(result, factor);
    }
    factor = multiply(factor, factor);
  }
  return result;
}
