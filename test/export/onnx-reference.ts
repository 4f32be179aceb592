// ONNX reference: reads an .onnx file and computes it in double, operator by operator, as the operators' specification
// (opset 17) states them; slow, and independent of the code that writes the file.

import protobuf from "protobufjs";
import { bfloatsToFloats, halvesToFloats } from "../../runtime/weights/half-float.js";

interface Value {
  dims: number[];
  data: Float64Array;
  /** Whether it is stored in 16 bits: nothing but Cast takes it. */
  half?: boolean;
}

interface Attribute {
  name: string;
  f: number;
  i: number;
  ints: number[];
}

interface Node {
  op_type: string;
  input: string[];
  output: string[];
  attribute: Attribute[];
}

interface Tensor {
  name: string;
  dims: number[];
  data_type: number;
  raw_data: Uint8Array;
}

interface ValueInfo {
  name: string;
  type: { tensor_type: { elem_type: number; shape: { dim: { dim_value?: number; dim_param?: string }[] } } };
}

export interface OnnxFile {
  ir_version: number;
  opset_import: { domain: string; version: number }[];
  metadata_props: { key: string; value: string }[];
  graph: { node: Node[]; initializer: Tensor[]; input: ValueInfo[]; output: ValueInfo[] };
}

/** Field number → name, type and rule of each message, from onnx.proto. */
const MESSAGES: Record<string, Record<string, [id: number, type: string, rule?: "repeated"]>> = {
  Attribute: { name: [1, "string"], f: [2, "float"], i: [3, "int64"], ints: [8, "int64", "repeated"] },
  Node: {
    input: [1, "string", "repeated"],
    output: [2, "string", "repeated"],
    op_type: [4, "string"],
    attribute: [5, "Attribute", "repeated"],
  },
  Tensor: {
    dims: [1, "int64", "repeated"],
    data_type: [2, "int32"],
    name: [8, "string"],
    raw_data: [9, "bytes"],
  },
  Dim: { dim_value: [1, "int64"], dim_param: [2, "string"] },
  Shape: { dim: [1, "Dim", "repeated"] },
  TensorType: { elem_type: [1, "int32"], shape: [2, "Shape"] },
  Type: { tensor_type: [1, "TensorType"] },
  ValueInfo: { name: [1, "string"], type: [2, "Type"] },
  Graph: {
    node: [1, "Node", "repeated"],
    initializer: [5, "Tensor", "repeated"],
    input: [11, "ValueInfo", "repeated"],
    output: [12, "ValueInfo", "repeated"],
  },
  Opset: { domain: [1, "string"], version: [2, "int64"] },
  Entry: { key: [1, "string"], value: [2, "string"] },
  Model: {
    ir_version: [1, "int64"],
    graph: [7, "Graph"],
    opset_import: [8, "Opset", "repeated"],
    metadata_props: [14, "Entry", "repeated"],
  },
};

export function readOnnx(bytes: Uint8Array): OnnxFile {
  const messages = Object.entries(MESSAGES).map(([message, fields]) => {
    const lines = Object.entries(fields).map(
      ([name, [id, type, rule = "optional"]]) => `${rule} ${type} ${name} = ${id};`,
    );
    return `message ${message} { ${lines.join(" ")} }`;
  });
  // As in onnx.proto, an attribute of 0 is there or not.
  const { root } = protobuf.parse(`syntax = "proto2"; ${messages.join(" ")}`, { keepCase: true });
  const type = root.lookupType("Model");
  return type.toObject(type.decode(bytes), { longs: Number, arrays: true }) as OnnxFile;
}

function initialValue({ dims, data_type: type, raw_data: raw }: Tensor): Value {
  const copy = new Uint8Array(raw).buffer;
  const data =
    type === 7
      ? Float64Array.from(new BigInt64Array(copy), Number)
      : type === 10
        ? Float64Array.from(halvesToFloats(new Uint16Array(copy)))
        : type === 16
          ? Float64Array.from(bfloatsToFloats(new Uint16Array(copy)))
          : Float64Array.from(new Float32Array(copy));
  if (data.length !== count(dims)) throw new Error(`initializer of ${data.length} values, dims [${dims}]`);
  return { dims: [...dims], data, half: type === 10 || type === 16 };
}

const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function stridesOf(dims: readonly number[]): number[] {
  return dims.map((_, axis) => count(dims.slice(axis + 1)));
}

/** Every index of `dims` in row-major order → a value. */
function build(dims: number[], value: (index: number[]) => number): Value {
  const strides = stridesOf(dims);
  const data = Float64Array.from({ length: count(dims) }, (_, at) =>
    value(dims.map((size, axis) => Math.floor(at / strides[axis]!) % size)),
  );
  return { dims, data };
}

function at({ dims, data }: Value, index: readonly number[]): number {
  const strides = stridesOf(dims);
  return data[index.reduce((sum, i, axis) => sum + i * strides[axis]!, 0)]!;
}

/** NumPy's broadcasting. */
function broadcast(a: Value, b: Value, combine: (x: number, y: number) => number): Value {
  const axes = Math.max(a.dims.length, b.dims.length);
  const padded = (dims: number[]) => [...Array(axes - dims.length).fill(1), ...dims] as number[];
  const [left, right] = [padded(a.dims), padded(b.dims)];
  const dims = left.map((size, axis) => {
    const other = right[axis]!;
    if (size !== other && size !== 1 && other !== 1) throw new Error(`[${a.dims}] and [${b.dims}]`);
    return Math.max(size, other);
  });
  const pick = (value: Value, shape: number[], index: number[]) =>
    at(
      { dims: shape, data: value.data },
      index.map((i, axis) => (shape[axis] === 1 ? 0 : i)),
    );
  return build(dims, (index) => combine(pick(a, left, index), pick(b, right, index)));
}

/** a […,M,K], b […,K,N] of equal leading axes, or b [K,N]. */
function matMul(a: Value, b: Value): Value {
  const [rows, inner] = a.dims.slice(-2) as [number, number];
  const columns = b.dims.at(-1)!;
  if (b.dims.at(-2) !== inner) throw new Error(`MatMul [${a.dims}] [${b.dims}]`);
  const result: Value = { dims: [...a.dims.slice(0, -1), columns], data: new Float64Array(0) };
  result.data = new Float64Array(count(result.dims));
  const step = b.dims.length > 2 ? inner * columns : 0;
  for (let batch = 0; batch < count(a.dims.slice(0, -2)); batch++)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let k = 0; k < inner; k++)
          sum += a.data[(batch * rows + r) * inner + k]! * b.data[batch * step + k * columns + c]!;
        result.data[(batch * rows + r) * columns + c] = sum;
      }
  return result;
}

function conv(x: Value, w: Value, bias: Value | undefined, attribute: Attributes): Value {
  const [batch, inputs, height, width] = x.dims as [number, number, number, number];
  const [outputs, perGroup, kernelY, kernelX] = w.dims as [number, number, number, number];
  const [strideY, strideX] = attribute.ints("strides", [1, 1]) as [number, number];
  const [top, left] = attribute.ints("pads", [0, 0, 0, 0]) as [number, number];
  const groups = attribute.int("group", 1);
  if (inputs !== perGroup * groups) throw new Error(`Conv [${x.dims}] [${w.dims}] of ${groups} groups`);
  const side = (size: number, pad: number, kernel: number, stride: number) =>
    Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const dims = [batch, outputs, side(height, top, kernelY, strideY), side(width, left, kernelX, strideX)];
  return build(dims, ([n, o, oy, ox]) => {
    let sum = bias?.data[o!] ?? 0;
    const first = Math.floor(o! / (outputs / groups)) * perGroup;
    for (let i = 0; i < perGroup; i++)
      for (let ky = 0; ky < kernelY; ky++)
        for (let kx = 0; kx < kernelX; kx++) {
          const [y, xx] = [oy! * strideY - top + ky, ox! * strideX - left + kx];
          if (y >= 0 && y < height && xx >= 0 && xx < width)
            sum += at(x, [n!, first + i, y, xx]) * at(w, [o!, i, ky, kx]);
        }
    return sum;
  });
}

/** The Taylor series, which converges to 1e-9 below 5.5; beyond, erf is ±1 to 1e-14. */
function erf(x: number): number {
  if (Math.abs(x) > 5.5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 && n < 300; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** Rows along the last axis. */
function rows(x: Value, compute: (row: Float64Array) => ArrayLike<number>): Value {
  const width = x.dims.at(-1)!;
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += width)
    data.set(compute(x.data.subarray(start, start + width)), start);
  return { dims: x.dims, data };
}

class Attributes {
  readonly #all: Map<string, Attribute>;
  constructor({ attribute }: Node) {
    this.#all = new Map(attribute.map((entry) => [entry.name, entry]));
  }
  int = (name: string, otherwise: number): number => this.#all.get(name)?.i ?? otherwise;
  float = (name: string): number => this.#all.get(name)!.f;
  ints = (name: string, otherwise: number[] = []): number[] => this.#all.get(name)?.ints ?? otherwise;
}

const map = (x: Value, compute: (value: number) => number): Value => ({
  dims: x.dims,
  data: x.data.map(compute),
});
const numbers = (value: Value): number[] => [...value.data];

type Operator = (inputs: Value[], attribute: Attributes) => Value;

const OPERATORS: Record<string, Operator> = {
  Identity: ([x]) => x!,
  Cast([x], attribute) {
    if (attribute.int("to", 0) !== 1) throw new Error("Cast: only to float32");
    return { dims: x!.dims, data: x!.data };
  },
  Add: ([a, b]) => broadcast(a!, b!, (x, y) => x + y),
  Mul: ([a, b]) => broadcast(a!, b!, (x, y) => x * y),
  Div: ([a, b]) => broadcast(a!, b!, (x, y) => x / y),
  Erf: ([x]) => map(x!, erf),
  Relu: ([x]) => map(x!, (value) => Math.max(value, 0)),
  Sigmoid: ([x]) => map(x!, (value) => 1 / (1 + Math.exp(-value))),
  MatMul: ([a, b]) => matMul(a!, b!),
  Gemm([a, b, c], attribute) {
    const [m, n] = b!.dims as [number, number];
    if (a!.dims.length !== 2 || b!.dims.length !== 2) throw new Error(`Gemm [${a!.dims}] [${b!.dims}]`);
    const second = attribute.int("transB", 0) ? build([n, m], ([i, j]) => at(b!, [j!, i!])) : b!;
    const product = matMul(a!, second);
    return c ? broadcast(product, c, (x, y) => x + y) : product;
  },
  Conv: ([x, w, bias], attribute) => conv(x!, w!, bias, attribute),
  Softmax: ([x]) =>
    rows(x!, (row) => {
      const largest = Math.max(...row);
      const powers = row.map((value) => Math.exp(value - largest));
      const sum = powers.reduce((a, b) => a + b);
      return powers.map((value) => value / sum);
    }),
  LayerNormalization([x, scale, bias], attribute) {
    const epsilon = attribute.float("epsilon");
    return rows(x!, (row) => {
      const mean = row.reduce((a, b) => a + b) / row.length;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
      return row.map(
        (value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * scale!.data[i]! + bias!.data[i]!,
      );
    });
  },
  Reshape([x, shape]) {
    const wanted = numbers(shape!).map((size, axis) => (size === 0 ? x!.dims[axis]! : size));
    const known = count(wanted.filter((size) => size > 0));
    const dims = wanted.map((size) => (size === -1 ? x!.data.length / known : size));
    if (count(dims) !== x!.data.length) throw new Error(`Reshape [${x!.dims}] to [${wanted}]`);
    return { dims, data: x!.data };
  },
  Transpose([x], attribute) {
    const perm = attribute.ints("perm");
    return build(
      perm.map((axis) => x!.dims[axis]!),
      (index) => {
        const from: number[] = [];
        for (const [to, axis] of perm.entries()) from[axis] = index[to]!;
        return at(x!, from);
      },
    );
  },
  Gather([x, indices], attribute) {
    const axis = attribute.int("axis", 0);
    const picked = indices!.data[0]!;
    if (indices!.dims.length > 0) throw new Error("Gather: only single indices");
    return build(x!.dims.toSpliced(axis, 1), (index) => at(x!, index.toSpliced(axis, 0, picked)));
  },
  Shape: ([x]) => ({ dims: [x!.dims.length], data: Float64Array.from(x!.dims) }),
  Slice([x, starts, ends, axes]) {
    const [axis, start, end] = [axes?.data[0] ?? 0, starts!.data[0]!, ends!.data[0]!];
    const dims = x!.dims.with(axis, Math.min(end, x!.dims[axis]!) - start);
    return build(dims, (index) => at(x!, index.with(axis, index[axis]! + start)));
  },
  Concat(inputs, attribute) {
    const axis = attribute.int("axis", 0);
    const sizes = inputs.map(({ dims }) => dims[axis]!);
    const dims = inputs[0]!.dims.with(
      axis,
      sizes.reduce((a, b) => a + b),
    );
    return build(dims, (index) => {
      let place = index[axis]!;
      let input = 0;
      while (place >= sizes[input]!) place -= sizes[input++]!;
      return at(inputs[input]!, index.with(axis, place));
    });
  },
  Expand: ([x, shape]) =>
    broadcast(
      x!,
      build(numbers(shape!), () => 0),
      (value) => value,
    ),
  Unsqueeze([x, axes]) {
    const dims = [...x!.dims];
    for (const axis of numbers(axes!)) dims.splice(axis, 0, 1);
    return { dims, data: x!.data };
  },
  ReduceMean([x], attribute) {
    const axes = attribute.ints("axes");
    if (attribute.int("keepdims", 1) !== 0) throw new Error("ReduceMean: only keepdims 0");
    const kept = x!.dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const inner = axes.map((axis) => x!.dims[axis]!);
    return build(
      kept.map((axis) => x!.dims[axis]!),
      (index) => {
        const full: number[] = [];
        for (const [place, axis] of kept.entries()) full[axis] = index[place]!;
        const all = build(inner, (within) => {
          for (const [place, axis] of axes.entries()) full[axis] = within[place]!;
          return at(x!, full);
        });
        return all.data.reduce((a, b) => a + b) / all.data.length;
      },
    );
  },
};

/** Computes the file's only output from its only input. Nodes must be in an order in which they can run. */
export function runOnnx({ graph }: OnnxFile, dims: number[], image: Float32Array): Value {
  const values = new Map<string, Value>();
  for (const tensor of graph.initializer) values.set(tensor.name, initialValue(tensor));
  values.set(graph.input[0]!.name, { dims, data: Float64Array.from(image) });
  for (const node of graph.node) {
    const inputs = node.input.map((name) => {
      const value = values.get(name);
      if (!value) throw new Error(`${node.op_type}: no value ${name}`);
      return value;
    });
    const operator = OPERATORS[node.op_type];
    if (!operator) throw new Error(`unknown operator ${node.op_type}`);
    if (node.op_type !== "Cast" && inputs.some(({ half }) => half))
      throw new Error(`${node.op_type}: an input in 16 bits`);
    const [name] = node.output as [string];
    if (values.has(name)) throw new Error(`${name} is written twice`);
    values.set(name, operator(inputs, new Attributes(node)));
  }
  return values.get(graph.output[0]!.name)!;
}
