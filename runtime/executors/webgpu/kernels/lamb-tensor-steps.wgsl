// LAMB, second pass over up to 30 tensors of a run: p −= lr·rateFactor·trust·direction, where trust is |p|/|direction|
// of the tensor by their sums of squares, or 1 where a norm is 0 or there is no weight decay.
//
// parameters, direction: the runs from the first of these tensors on; settings and norm as in adamw.wgsl;
// parameterSquares, directionSquares [tensors of the whole run]: pairs (high, low). A tensor that exceeds a binding comes
// in PARTS parts. Double floats, rounded once. 12 bytes of memory traffic per parameter. Grid [groups, tensors], 256
// invocations a workgroup.

// #include "tensor-table.wgsl"
// #include "double-float.wgsl"
// #include "optimizer-settings.wgsl"

const INVOCATIONS = 256u;

@group(0) @binding(1) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> direction: array<f32>;
@group(0) @binding(3) var<storage, read_write> settings: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> norm: array<u32>;
@group(0) @binding(5) var<storage, read_write> parameterSquares: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> directionSquares: array<vec2f>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if ((norm[0] & EXPONENT_BITS) == EXPONENT_BITS) {
    return;
  }
  let tensor = tensorAt(group.y);
  var rate = multiply(settings[LEARNING_RATE], vec2f(p.rateFactor, 0.0));
  if (settings[WEIGHT_DECAY].x != 0.0) {
    let place = (p.base + group.y) / PARTS;
    let squares = parameterSquares[place];
    let length = directionSquares[place];
    if (squares.x > 0.0 && length.x > 0.0) {
      rate = multiply(rate, divide(squareRoot(squares), squareRoot(length)));
    }
  }
  for (var i = group.x * INVOCATIONS + lane; i < tensor.y; i += p.groups * INVOCATIONS) {
    let at = tensor.x + i;
    let old = vec2f(parameters[at], 0.0);
    parameters[at] = subtract(old, multiply(rate, vec2f(direction[at], 0.0))).x;
  }
}
