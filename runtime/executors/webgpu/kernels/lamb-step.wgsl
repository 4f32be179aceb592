// LAMB, second pass: p −= lr·rateFactor·trust·direction, where trust is |p|/|direction| of one tensor by their sums of
// squares, or 1 where `adapts` is 0, a norm is 0, or there is no weight decay.
//
// parameters, direction [count]; settings and norm as in adamw.wgsl; parameterSquares, directionSquares: pairs (high,
// low). Double floats, rounded once. 12 bytes of memory traffic per parameter.

// #include "element.wgsl"
// #include "double-float.wgsl"
// #include "optimizer-settings.wgsl"

struct Params {
  count: u32,
  adapts: u32,
  zero: u32,
  rateFactor: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> direction: array<f32>;
@group(0) @binding(3) var<storage, read_write> settings: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> norm: array<u32>;
@group(0) @binding(5) var<storage, read_write> parameterSquares: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> directionSquares: array<vec2f>;

fn computeElement(i: u32) {
  if ((norm[0] & EXPONENT_BITS) == EXPONENT_BITS) {
    return;
  }
  var rate = multiply(settings[LEARNING_RATE], vec2f(p.rateFactor, 0.0));
  if (p.adapts != 0u && settings[WEIGHT_DECAY].x != 0.0) {
    let squares = parameterSquares[0];
    let length = directionSquares[0];
    if (squares.x > 0.0 && length.x > 0.0) {
      rate = multiply(rate, divide(squareRoot(squares), squareRoot(length)));
    }
  }
  let old = vec2f(parameters[i], 0.0);
  parameters[i] = subtract(old, multiply(rate, vec2f(direction[i], 0.0))).x;
}
