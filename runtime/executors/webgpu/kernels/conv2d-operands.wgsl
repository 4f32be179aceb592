// Convolution operands: what a convolution's product reads and writes, and its patches as float32. conv2d.wgsl
// documents shapes and conditions.

struct Params {
  // B·OH·OW, K·K·I/G, O/G.
  rows: u32,
  depth: u32,
  columns: u32,
  height: u32,
  width: u32,
  inputs: u32,
  outputs: u32,
  side: u32,
  stride: u32,
  padding: u32,
  outHeight: u32,
  outWidth: u32,
  // I/G.
  groupInputs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
// #if VECTORS
@group(0) @binding(1) var<storage, read_write> x: array<XVector>;
@group(0) @binding(2) var<storage, read_write> weight: array<WeightVector>;
@group(0) @binding(4) var<storage, read_write> y: array<YVector>;
// #if BIAS
@group(0) @binding(3) var<storage, read_write> bias: array<BiasVector>;
// #endif
// #else
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> weight: array<WeightScalar>;
@group(0) @binding(4) var<storage, read_write> y: array<YScalar>;
// #if BIAS
@group(0) @binding(3) var<storage, read_write> bias: array<BiasScalar>;
// #endif
// #endif

// First input channel and first output channel of the workgroup's group.
var<private> firstInput: u32;
var<private> firstOutput: u32;

// Of each patch of the tile the row and column of its first value in the image, negative in the padding, and its
// index in x. Computed once per tile, so that reading a value takes only two of the divisions.
var<workgroup> patches: array<vec3i, TILE_ROWS>;

fn findPatches(firstRow: u32, invocation: u32) {
  for (var i = invocation; i < TILE_ROWS; i += INVOCATIONS) {
    let pixel = firstRow + i;
    let line = pixel / p.outWidth;
    let sample = line / p.outHeight;
    let row = i32((line - sample * p.outHeight) * p.stride) - i32(p.padding);
    let column = i32((pixel - line * p.outWidth) * p.stride) - i32(p.padding);
    let place = ((i32(sample * p.height) + row) * i32(p.width) + column) * i32(p.inputs);
    patches[i] = vec3i(row, column, place);
  }
  workgroupBarrier();
}

// Index in x of one value of a patch, or 0xffffffff in the padding. Values past the patch's end are arbitrary: they
// only reach sums that are not stored.
fn placeInPatch(first: vec3i, index: u32) -> u32 {
  let tap = index / p.groupInputs;
  let down = tap / p.side;
  let across = tap - down * p.side;
  let inside = u32(first.x) + down < p.height && u32(first.y) + across < p.width;
  let step = (down * p.width + across) * p.inputs + firstInput + index - tap * p.groupInputs;
  return select(0xffffffffu, u32(first.z) + step, inside);
}

fn lineOfA(pixel: u32, index: u32, length: u32, inTile: u32) -> vec4f {
  let first = patches[inTile];
  // #if VECTORS
  let place = placeInPatch(first, index);
  return select(vec4f(x[place / 4u]), vec4f(0.0), place == 0xffffffffu);
  // #else
  var values: vec4f;
  for (var i = 0u; i < 4u; i++) {
    let place = placeInPatch(first, index + i);
    values[i] = select(f32(x[place]), 0.0, place == 0xffffffffu);
  }
  return values;
  // #endif
}

// Values past the row's end or the last row only reach sums that are not stored.
fn lineOfB(output: u32, index: u32, length: u32) -> vec4f {
  let first = (firstOutput + output) * length + index;
  // #if VECTORS
  return vec4f(weight[first / 4u]);
  // #else
  return vec4f(vec4<WeightScalar>(weight[first], weight[first + 1u], weight[first + 2u], weight[first + 3u]));
  // #endif
}

// Four outputs of a pixel.
fn finish(pixel: u32, column: u32, product: vec4f) {
  let output = firstOutput + column;
  let at = pixel * p.outputs + output;
  // #if VECTORS
  var value = product;
  // #if BIAS
  value += vec4f(bias[output / 4u]);
  // #endif
  // #if RELU
  value = max(value, vec4f(0.0));
  // #endif
  y[at / 4u] = YVector(value);
  // #else
  for (var i = 0u; i < min(4u, p.columns - column); i++) {
    var one = product[i];
    // #if BIAS
    one += f32(bias[output + i]);
    // #endif
    // #if RELU
    one = max(one, 0.0);
    // #endif
    y[at + i] = YScalar(one);
  }
  // #endif
}

// Enters the tile at (column, row, group) of the grid; returns its column and row among the group's tiles.
fn enterTile(group: vec3u, gridRows: u32, invocation: u32) -> vec2u {
  let convGroups = p.outputs / p.columns;
  let convGroup = group.z % convGroups;
  firstInput = convGroup * p.groupInputs;
  firstOutput = convGroup * p.columns;
  // As in matrix-product.wgsl, rows may continue along the third axis.
  let down = group.y + group.z / convGroups * gridRows;
  findPatches(down * TILE_ROWS, invocation);
  return vec2u(group.x, down);
}
