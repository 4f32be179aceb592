// Batch norm folded into the convolution before it: folded = weight·factor, shift = beta − mean·factor, with
// factor = gamma/√(variance + ε). weight, folded [outputs, perOutput], count values; all others [outputs]. The
// invocation of an output's first weight writes its shift.

// #include "element.wgsl"

struct Params {
  count: u32,
  perOutput: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> gamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> folded: array<f32>;
@group(0) @binding(7) var<storage, read_write> shift: array<f32>;

fn computeElement(i: u32) {
  let output = i / p.perOutput;
  let factor = gamma[output] / sqrt(variance[output] + p.epsilon);
  folded[i] = weight[i] * factor;
  if (i == output * p.perOutput) {
    shift[output] = beta[output] - mean[output] * factor;
  }
}
