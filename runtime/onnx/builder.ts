// ONNX builder: nodes and initializers of a graph while the project's operations are translated into them.
//
// Feature maps, [batch, height, width, channels] in our graphs, are [batch, channels, height, width] in ONNX: an
// activation of four axes always has its channels second.

import { VitrineError } from "../errors.js";
import type { Operation } from "../graph/catalog.js";
import { tensorsChanged } from "../graph/graph.js";
import type { Graph } from "../graph/program.js";
import type { Shape, Tensor, TensorId } from "../graph/tensor.js";
import type { NamedTensor, TensorMap } from "../weights/tensor-map.js";
import { type FloatDtype, storedFloatsAs } from "../weights/weight-dtype.js";
import { DataType, intAttribute, type OnnxAttribute, type OnnxNode, type OnnxTensor } from "./messages.js";

const DATA_TYPES = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
} as const satisfies Record<FloatDtype, number>;

/** How a weight's values are arranged in the file. */
export interface WeightForm {
  /** Ends the initializer's name where the values are not as in the checkpoint. */
  suffix?: string;
  dims: readonly number[];
  /** The checkpoint's values in the new order. Default: as they are. */
  arrange?: (data: Float32Array) => Float32Array;
}

export class OnnxBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  readonly #graph: Graph;
  readonly #weights: TensorMap;
  readonly #dtype: FloatDtype;
  /** Tensor of our graph → value of the ONNX graph. */
  readonly #values = new Map<TensorId, string>();
  readonly #producers: ReadonlyMap<TensorId, Operation>;
  /** Names of values, which are unique in a graph. */
  readonly #names = new Set<string>();
  readonly #initializers = new Map<string, string>();

  /** `weights`: the tensors that the graph's store is made of, stored as `dtype` and widened when a file is loaded. */
  constructor(graph: Graph, weights: TensorMap, dtype: FloatDtype) {
    this.#graph = graph;
    this.#weights = weights;
    this.#dtype = dtype;
    this.#producers = new Map(
      graph.operations.flatMap((operation) =>
        tensorsChanged(operation).map((id): [TensorId, Operation] => [id, operation]),
      ),
    );
  }

  tensor(id: TensorId): Tensor {
    return this.#graph.tensors[id];
  }

  /** The operation that writes an activation. */
  producer(id: TensorId): Operation | undefined {
    return this.#producers.get(id);
  }

  shape(id: TensorId): Shape {
    return this.tensor(id).shape;
  }

  #unique(name: string): string {
    let unique = name;
    for (let count = 2; this.#names.has(unique); count++) unique = `${name}.${count}`;
    this.#names.add(unique);
    return unique;
  }

  /** Names the value of an input or output. */
  bind(id: TensorId, value: string): void {
    this.#values.set(id, value);
    this.#names.add(value);
  }

  /** The value of an activation or an input. Throws `export/unsupported` for one that no node computes. */
  value(id: TensorId): string {
    const value = this.#values.get(id);
    if (value !== undefined) return value;
    const text = `tensor ${this.tensor(id).name} cannot be exported as onnx yet; allowed: timm, pth (--format)`;
    throw new VitrineError("export/unsupported", text, { details: { format: "onnx" } });
  }

  /** Adds a node with one output, named after `near`, and returns the output's name. */
  node(
    type: string,
    input: readonly string[],
    near: string,
    attribute: readonly OnnxAttribute[] = [],
    output = this.#unique(`${near}/${type}`),
  ): string {
    this.nodes.push({ op_type: type, name: output, input, output: [output], attribute });
    return output;
  }

  /** Adds the node that computes `id`. */
  result(
    id: TensorId,
    type: string,
    input: readonly string[],
    attribute: readonly OnnxAttribute[] = [],
  ): void {
    const { name } = this.tensor(id);
    const output = this.#values.get(id) ?? this.#unique(name);
    this.#values.set(id, this.node(type, input, name, attribute, output));
  }

  /** The values that `id` has are those of `value`. */
  alias(id: TensorId, value: string): void {
    if (this.#values.has(id)) this.result(id, "Identity", [value]);
    else this.#values.set(id, value);
  }

  /** A stored tensor or a constant, added once in each form. */
  weight(id: TensorId, form: WeightForm = { dims: this.shape(id) }): string {
    const { name, origin } = this.tensor(id);
    const key = `${name}${form.suffix ?? ""} ${form.dims}`;
    const known = this.#initializers.get(key);
    if (known !== undefined) return known;
    const data = origin.kind === "constant" ? origin.values : (this.#weights.get(name) as NamedTensor).data;
    const values = form.arrange?.(data) ?? data;
    const value = this.#initializer(name + (form.suffix ?? ""), form.dims, values);
    this.#initializers.set(key, value);
    return value;
  }

  #initializer(name: string, dims: readonly number[], data: Float32Array): string {
    const unique = this.#unique(name);
    const stored = storedFloatsAs(new Map([[name, { shape: [...dims], data }]]), this.#dtype).get(name);
    if (!stored) return unique;
    const raw = new Uint8Array(stored.data.buffer, stored.data.byteOffset, stored.data.byteLength);
    const isWide = this.#dtype === "float32";
    const initializer = isWide ? unique : this.#unique(`${name}.${this.#dtype}`);
    this.tensors.push({ name: initializer, data_type: DATA_TYPES[this.#dtype], dims, raw_data: raw });
    // Runtimes compute the cast once, when they load the file.
    if (!isWide) this.node("Cast", [initializer], name, [intAttribute("to", DataType.FLOAT)], unique);
    return unique;
  }

  /** A float32 constant without axes. */
  scalar(value: number): string {
    return this.#constant(`scalar ${value}`, DataType.FLOAT, [], Float32Array.of(value));
  }

  /** An int64 constant: a list, or a single number without axes. */
  integers(values: readonly number[] | number): string {
    const list = typeof values === "number" ? [values] : values;
    const dims = typeof values === "number" ? [] : [list.length];
    const name = typeof values === "number" ? `index ${values}` : `integers ${list.join(" ")}`;
    return this.#constant(name, DataType.INT64, dims, BigInt64Array.from(list, BigInt));
  }

  #constant(name: string, type: number, dims: readonly number[], data: Float32Array | BigInt64Array): string {
    if (this.#initializers.has(name)) return name;
    this.#initializers.set(name, name);
    this.#names.add(name);
    this.tensors.push({ name, data_type: type, dims, raw_data: new Uint8Array(data.buffer) });
    return name;
  }
}
