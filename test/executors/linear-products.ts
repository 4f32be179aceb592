// Linear products: graphs of the three products of a linear layer with the parts that the planner fuses into them.

import type { Catalog } from "../../runtime/graph/catalog.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import type { TensorId } from "../../runtime/graph/tensor.js";
import { elementCount, type Shape } from "../../runtime/graph/tensor.js";

/** x [batch, tokens, inputs], y [batch, tokens, outputs]. */
export interface ProductSizes {
  batch: number;
  tokens: number;
  inputs: number;
  outputs: number;
}

/** Products of one size in a graph: every result is one of its outputs or is added to the store `gradients`. */
class Layer {
  readonly shapes: Readonly<Record<"x" | "y" | "rows" | "weight" | "inputs" | "outputs" | "samples", Shape>>;
  readonly #graph: GraphBuilder;
  readonly #stored: Map<string, number>;
  readonly #name: string;
  readonly #given = new Map<string, TensorId>();

  constructor({ graph, stored }: LinearProducts, sizes: ProductSizes, name: string) {
    this.#graph = graph;
    this.#stored = stored;
    this.#name = name;
    const { batch, tokens, inputs, outputs } = sizes;
    this.shapes = {
      ...{ x: [batch, tokens, inputs], y: [batch, tokens, outputs], rows: [batch, tokens] },
      ...{ weight: [outputs, inputs], inputs: [inputs], outputs: [outputs], samples: [batch] },
    };
  }

  /** The input of that name and shape, created on first use. */
  given(name: string, shape: keyof Layer["shapes"]): TensorId {
    const id = this.#given.get(name) ?? this.#graph.input(`${this.#name} ${name}`, this.shapes[shape]);
    this.#given.set(name, id);
    return id;
  }

  activation(name: string, shape: keyof Layer["shapes"]): TensorId {
    const id = this.#graph.activation(`${this.#name} ${name}`, this.shapes[shape]);
    this.#graph.output(`${this.#name} ${name}`, id);
    return id;
  }

  #sum(name: string, shape: keyof Layer["shapes"]): TensorId {
    const [full, sizes] = [`${this.#name} ${name}`, this.shapes[shape]];
    this.#stored.set(full, elementCount(sizes));
    return this.#graph.stored("gradients", full, sizes);
  }

  get norm() {
    return { normWeight: this.given("norm weight", "inputs"), normBias: this.given("norm bias", "inputs") };
  }

  forward(
    name: string,
    parts: Partial<Catalog["linear"]["reads"]> = {},
    gelu = false,
    statistics: Partial<Catalog["linear"]["writes"]> = {},
  ): void {
    const reads = { x: this.given("x", "x"), weight: this.given("weight", "weight"), ...parts };
    const writes = { y: this.activation(name, "y"), ...statistics };
    this.#graph.add("linear", { reads, writes, attributes: { gelu, epsilon: 1e-6 } });
  }

  inputGradient(name: string, parts: Partial<Catalog["linearInputGradient"]["reads"]> = {}): void {
    const reads = { dy: this.given("dy", "y"), weight: this.given("weight", "weight"), ...parts };
    this.#graph.add("linearInputGradient", { reads, writes: { dx: this.activation(name, "x") } });
  }

  weightGradient(
    name: string,
    parts: Partial<Catalog["linearWeightGradient"]["reads"]> = {},
    biased = false,
  ): void {
    const reads = { dy: this.given("dy", "y"), x: this.given("x", "x"), ...parts };
    const dWeight = this.#sum(name, "weight");
    const adds = biased ? { dWeight, dBias: this.#sum(`${name}, bias`, "outputs") } : { dWeight };
    this.#graph.add("linearWeightGradient", { reads, writes: {}, adds });
  }
}

export interface LinearProducts {
  readonly graph: GraphBuilder;
  /** Sums in the store `gradients` and their number of values. */
  readonly stored: Map<string, number>;
}

function noProducts(): LinearProducts {
  return { graph: new GraphBuilder("products"), stored: new Map() };
}

/** Every combination of fused parts in DeiT's forward passes and training steps: nine kernels. */
export function allProducts(sizes: ProductSizes): LinearProducts {
  const products = noProducts();
  const layer = new Layer(products, sizes, "layer");
  const [bias, scale] = [layer.given("bias", "outputs"), layer.given("scale", "samples")];
  const statistics = { mean: layer.activation("mean", "rows"), rstd: layer.activation("rstd", "rows") };
  layer.forward("y");
  layer.forward("y with bias and GELU after a norm", { bias, ...layer.norm }, true);
  layer.forward("y with bias after a norm with statistics", { bias, ...layer.norm }, false, statistics);
  layer.forward("y with bias, residual and scale", {
    ...{ bias, scale, residual: layer.given("residual", "y") },
  });
  layer.inputGradient("dx");
  layer.inputGradient("dx with scale and GELU's slope", { scale, hidden: layer.given("hidden", "x") });
  layer.weightGradient("dw");
  layer.weightGradient("dw with bias and scale", { scale }, true);
  layer.weightGradient("dw with bias after a norm", { ...layer.norm, ...statistics }, true);
  return products;
}

/** Each product once, with fused parts before and after it: three kernels. */
export function fusedProducts(sizes: ProductSizes): LinearProducts {
  const products = noProducts();
  const layer = new Layer(products, sizes, "layer");
  const scale = layer.given("scale", "samples");
  layer.forward("y", { bias: layer.given("bias", "outputs"), ...layer.norm }, true);
  layer.inputGradient("dx", { scale, hidden: layer.given("hidden", "x") });
  layer.weightGradient("dw", { scale }, true);
  return products;
}

/** A weight's gradient with its bias. */
export function weightGradient(sizes: ProductSizes): LinearProducts {
  const products = noProducts();
  new Layer(products, sizes, "layer").weightGradient("dw", {}, true);
  return products;
}

/** Each product once, each of a different size and without fused parts. */
export function plainProducts(
  sizes: Readonly<Record<"forward" | "inputGradient" | "weightGradient", ProductSizes>>,
): LinearProducts {
  const products = noProducts();
  for (const product of ["forward", "inputGradient", "weightGradient"] as const)
    new Layer(products, sizes[product], product)[product]("result");
  return products;
}
