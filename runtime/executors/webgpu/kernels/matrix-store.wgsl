// Matrix store: what follows a product of a linear layer, applied as the sums are written to y. matrix-product.wgsl
// documents shapes and conditions.

// #if SPLIT
// Which split of the depth this workgroup computes.
var<private> split: u32;

// First depth of a split, and the one after its last.
fn depthsOf(index: u32) -> vec2u {
  return vec2u(index * p.depthPerSplit, min((index + 1u) * p.depthPerSplit, p.depth));
}
// #endif

// Index of a row in y and rowBias.
fn rowOfResult(row: u32) -> u32 {
  // #if SPLIT
  return split * p.rows + row;
  // #else
  return row;
  // #endif
}

// Four columns of a row.
fn finish(row: u32, column: u32, product: vec4f) {
  var value = product;
  // #if SCALE_Y
  let factor = scale[row / p.rowsPerSample];
  // #endif
  // #if VECTORS
  let at = (rowOfResult(row) * p.columns + column) / 4u;
  // #if BIAS
  value += vec4f(bias[column / 4u]);
  // #endif
  // #if GELU
  value = geluOf(value);
  // #endif
  // #if GELU_SLOPE
  value *= geluSlope(vec4f(hidden[at]));
  // #endif
  // #if SCALE_Y
  value *= factor;
  // #endif
  // #if RESIDUAL
  value += vec4f(residual[at]);
  // #endif
  // #if RELU
  value = max(value, vec4f(0.0));
  // #endif
  // #if ADD
  value += vec4f(y[at]);
  // #endif
  y[at] = YVector(value);
  // #else
  for (var i = 0u; i < min(4u, p.columns - column); i++) {
    let at = rowOfResult(row) * p.columns + column + i;
    var one = value[i];
    // #if BIAS
    one += f32(bias[column + i]);
    // #endif
    // #if GELU
    one = geluOf(vec4f(one)).x;
    // #endif
    // #if GELU_SLOPE
    one *= geluSlope(vec4f(f32(hidden[at]))).x;
    // #endif
    // #if SCALE_Y
    one *= factor;
    // #endif
    // #if RESIDUAL
    one += f32(residual[at]);
    // #endif
    // #if RELU
    one = max(one, 0.0);
    // #endif
    // #if ADD
    one += f32(y[at]);
    // #endif
    y[at] = YScalar(one);
  }
  // #endif
}

// #if ROW_BIAS
fn finishRowBias(row: u32, sum: f32) {
  // #if SPLIT
  rowBias[rowOfResult(row)] = sum;
  // #else
  rowBias[row] += sum;
  // #endif
}
// #endif
