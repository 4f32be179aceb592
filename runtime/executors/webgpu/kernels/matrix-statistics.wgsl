// Matrix statistics: mean and reciprocal deviation of the tile's rows, where a layer norm stands before a product. Two
// passes, as in layer-norm.wgsl. matrix-product.wgsl has shapes and conditions.

// #if ROW_NORM
// (mean, rstd) of the tile's rows.
var<workgroup> statistics: array<vec2f, TILE_ROWS>;

fn findStatistics(firstRow: u32, writes: bool, invocation: u32) {
  for (var i = invocation; i < TILE_ROWS; i += INVOCATIONS) {
    let row = firstRow + i;
    if (row >= p.rows) {
      continue;
    }
    var sum = vec4f(0.0);
    for (var index = 0u; index < p.depth; index += 4u) {
      let inside = vec4u(index, index + 1u, index + 2u, index + 3u) < vec4u(p.depth);
      sum += select(vec4f(0.0), fourOfA(row * p.depth + index), inside);
    }
    let center = dot(sum, vec4f(1.0)) / f32(p.depth);
    var squares = vec4f(0.0);
    for (var index = 0u; index < p.depth; index += 4u) {
      let inside = vec4u(index, index + 1u, index + 2u, index + 3u) < vec4u(p.depth);
      let difference = select(vec4f(0.0), fourOfA(row * p.depth + index) - center, inside);
      squares = fma(difference, difference, squares);
    }
    let deviation = 1.0 / sqrt(dot(squares, vec4f(1.0)) / f32(p.depth) + p.epsilon);
    statistics[i] = vec2f(center, deviation);
    // #if STATISTICS
    if (writes) {
      mean[row] = center;
      rstd[row] = deviation;
    }
    // #endif
  }
  workgroupBarrier();
}
// #endif
