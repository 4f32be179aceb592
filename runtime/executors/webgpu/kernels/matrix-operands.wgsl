// Matrix operands: what the products of a linear layer read and write, and four values of a line of a or b as
// float32, scaled and normalized. matrix-product.wgsl documents shapes and conditions.

struct Params {
  rows: u32,
  depth: u32,
  columns: u32,
  rowsPerSample: u32,
  epsilon: f32,
  // Depth of a split; the whole depth without SPLIT.
  depthPerSplit: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
// #if VECTORS
@group(0) @binding(1) var<storage, read_write> a: array<AVector>;
@group(0) @binding(2) var<storage, read_write> b: array<BVector>;
@group(0) @binding(3) var<storage, read_write> y: array<YVector>;
// #if BIAS
@group(0) @binding(4) var<storage, read_write> bias: array<BiasVector>;
// #endif
// #if RESIDUAL
@group(0) @binding(5) var<storage, read_write> residual: array<ResidualVector>;
// #endif
// #if GELU_SLOPE
@group(0) @binding(6) var<storage, read_write> hidden: array<HiddenVector>;
// #endif
// #if NORM
@group(0) @binding(7) var<storage, read_write> normWeight: array<NormWeightVector>;
@group(0) @binding(8) var<storage, read_write> normBias: array<NormBiasVector>;
// #endif
// #else
@group(0) @binding(1) var<storage, read_write> a: array<AScalar>;
@group(0) @binding(2) var<storage, read_write> b: array<BScalar>;
@group(0) @binding(3) var<storage, read_write> y: array<YScalar>;
// #if BIAS
@group(0) @binding(4) var<storage, read_write> bias: array<BiasScalar>;
// #endif
// #if RESIDUAL
@group(0) @binding(5) var<storage, read_write> residual: array<ResidualScalar>;
// #endif
// #if GELU_SLOPE
@group(0) @binding(6) var<storage, read_write> hidden: array<HiddenScalar>;
// #endif
// #if NORM
@group(0) @binding(7) var<storage, read_write> normWeight: array<NormWeightScalar>;
@group(0) @binding(8) var<storage, read_write> normBias: array<NormBiasScalar>;
// #endif
// #endif
// #if SCALE
@group(0) @binding(9) var<storage, read_write> scale: array<f32>;
// #endif
// #if STATISTICS
@group(0) @binding(10) var<storage, read_write> mean: array<f32>;
@group(0) @binding(11) var<storage, read_write> rstd: array<f32>;
// #endif
// #if ROW_BIAS
@group(0) @binding(12) var<storage, read_write> rowBias: array<f32>;
// #endif

// Four values of a from `first` on. Values past a row's end or the last row are arbitrary: they only reach sums that
// are not stored, and WGSL keeps every read inside the buffer.
fn fourOfA(first: u32) -> vec4f {
  // #if VECTORS
  return vec4f(a[first / 4u]);
  // #else
  return vec4f(vec4<AScalar>(a[first], a[first + 1u], a[first + 2u], a[first + 3u]));
  // #endif
}

fn fourOfB(first: u32) -> vec4f {
  // #if VECTORS
  return vec4f(b[first / 4u]);
  // #else
  return vec4f(vec4<BScalar>(b[first], b[first + 1u], b[first + 2u], b[first + 3u]));
  // #endif
}

// #if NORM
fn normed(values: vec4f, statistic: vec2f, index: u32) -> vec4f {
  let standard = (values - statistic.x) * statistic.y;
  // #if VECTORS
  return fma(standard, vec4f(normWeight[index / 4u]), vec4f(normBias[index / 4u]));
  // #else
  let weights = vec4f(normWeight[index], normWeight[index + 1u], normWeight[index + 2u], normWeight[index + 3u]);
  let biases = vec4f(normBias[index], normBias[index + 1u], normBias[index + 2u], normBias[index + 3u]);
  return fma(standard, weights, biases);
  // #endif
}
// #endif

// Four values of a line of a (a row, or a depth) from `index` on; `inTile` is the line's index in the tile.
fn lineOfA(line: u32, index: u32, length: u32, inTile: u32) -> vec4f {
  var values = fourOfA(line * length + index);
  // #if SCALE_A
  values *= scale[line / p.rowsPerSample];
  // #endif
  // #if ROW_NORM
  values = normed(values, statistics[inTile], index);
  // #endif
  return values;
}

fn lineOfB(line: u32, index: u32, length: u32) -> vec4f {
  let values = fourOfB(line * length + index);
  // #if DEPTH_NORM
  return normed(values, vec2f(mean[line], rstd[line]), index);
  // #else
  return values;
  // #endif
}
