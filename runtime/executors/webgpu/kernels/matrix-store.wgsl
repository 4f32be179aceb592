// Matrix store: what stands behind a product of a linear layer, on the way from the sums to y. matrix-product.wgsl has
// shapes and conditions.

// Four columns of a row.
fn finish(row: u32, column: u32, product: vec4f) {
  var value = product;
  // #if SCALE_Y
  let factor = scale[row / p.rowsPerSample];
  // #endif
  // #if VECTORS
  let at = (row * p.columns + column) / 4u;
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
  // #if ADD
  value += vec4f(y[at]);
  // #endif
  y[at] = YVector(value);
  // #else
  for (var i = 0u; i < min(4u, p.columns - column); i++) {
    let at = row * p.columns + column + i;
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
    // #if ADD
    one += f32(y[at]);
    // #endif
    y[at] = YScalar(one);
  }
  // #endif
}
