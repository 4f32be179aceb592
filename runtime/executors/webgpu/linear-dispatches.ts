// Linear dispatches: the three products of a linear layer as strides of one kernel. Weights are [outputs, inputs].

import type { OperationOf } from "../../graph/catalogue.js";
import type { TensorId } from "../../graph/tensor.js";
import type { Dispatch } from "./dispatch.js";
import type { Operands } from "./operands.js";

/** Bits of the kernel's epilogue, as matrix-product.wgsl names them. */
const BIAS = 1;
const GELU = 2;
const RESIDUAL = 4;
const ADD = 8;
const BIAS_GRADIENT = 16;

const TILE = 64;

interface Product {
  rows: number;
  depth: number;
  columns: number;
  /** Distance between two rows of a, and between two of its values along the depth. */
  a: [row: number, depth: number];
  b: [depth: number, column: number];
  epilogue: number;
}

interface Ids {
  a: TensorId;
  b: TensorId;
  bias?: TensorId | undefined;
  residual?: TensorId | undefined;
  y: TensorId;
}

function matrixProduct(at: Operands, ids: Ids, product: Product): Dispatch {
  const { rows, depth, columns, a, b, epilogue } = product;
  return {
    kernel: "matrix-product",
    operands: {
      a: at.at(ids.a),
      b: at.at(ids.b),
      bias: at.at(ids.bias),
      residual: at.at(ids.residual),
      y: at.at(ids.y),
    },
    numbers: [rows, depth, columns, ...a, ...b, epilogue],
    grid: [Math.ceil(columns / TILE), Math.ceil(rows / TILE), 1],
  };
}

export function linear({ reads, writes, attributes }: OperationOf<"linear">, at: Operands): Dispatch {
  const { x, weight, bias, residual } = reads;
  const [outputs, inputs] = [at.axis(weight, 0), at.axis(weight, 1)];
  const epilogue =
    (bias === undefined ? 0 : BIAS) | (attributes.gelu ? GELU : 0) | (residual === undefined ? 0 : RESIDUAL);
  return matrixProduct(
    at,
    { a: x, b: weight, bias, residual, y: writes.y },
    { rows: at.rows(x), depth: inputs, columns: outputs, a: [inputs, 1], b: [1, inputs], epilogue },
  );
}

export function linearInputGradient(
  { reads, writes }: OperationOf<"linearInputGradient">,
  at: Operands,
): Dispatch {
  const { dy, weight } = reads;
  const [outputs, inputs] = [at.axis(weight, 0), at.axis(weight, 1)];
  return matrixProduct(
    at,
    { a: dy, b: weight, y: writes.dx },
    { rows: at.rows(dy), depth: outputs, columns: inputs, a: [outputs, 1], b: [inputs, 1], epilogue: 0 },
  );
}

export function linearWeightGradient(
  { reads, adds }: OperationOf<"linearWeightGradient">,
  at: Operands,
): Dispatch {
  const { dy, x } = reads;
  const [outputs, inputs] = [at.axis(dy, -1), at.axis(x, -1)];
  const epilogue = ADD | (adds.bias === undefined ? 0 : BIAS_GRADIENT);
  return matrixProduct(
    at,
    { a: dy, b: x, bias: adds.bias, y: adds.weight },
    { rows: outputs, depth: at.rows(dy), columns: inputs, a: [1, outputs], b: [inputs, 1], epilogue },
  );
}
