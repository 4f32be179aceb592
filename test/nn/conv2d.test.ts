// Claims about convolutions: forward and both gradients equal the reference for groups, strides, kernels and borders,
// and the number of pixels gathered into patches at a time changes no bit.

import { test } from "uvu";
import { assertClose, assertSameBits } from "./compare.js";
import { type Kernels, loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import {
  type ConvolutionShape,
  eachProduct,
  outputSize,
  referenceConvolution,
} from "./reference-convolution.js";

/** Half the spacing of float32 numbers around 1. */
const UNIT = 2 ** -24;

/** batch, height, width, inputs, outputs, kernel, stride, padding, groups. */
const SHAPES: readonly (readonly number[])[] = [
  [1, 5, 5, 3, 8, 3, 2, 1, 1], // the stem
  [2, 7, 6, 8, 16, 3, 1, 1, 2],
  [2, 8, 8, 24, 24, 3, 2, 1, 3],
  [1, 4, 5, 12, 20, 3, 1, 1, 4], // groups of 3 and 5: not multiples of a vector
  [2, 6, 6, 10, 7, 1, 2, 0, 1], // a shortcut
  [1, 9, 7, 2, 4, 5, 3, 2, 2],
  [3, 3, 3, 4, 4, 3, 1, 0, 4], // every channel by itself, no border
  [1, 1, 1, 8, 8, 3, 1, 1, 1], // one pixel, with padding on all sides
  // Groups of 8 to 32 on both sides, which are computed without patches.
  [2, 7, 6, 16, 32, 3, 1, 1, 2],
  [3, 3, 70, 8, 8, 3, 1, 1, 1], // rows longer than the pixels that go together
  [1, 9, 7, 32, 16, 5, 3, 2, 1],
  [2, 5, 5, 48, 48, 3, 1, 0, 2], // no border
  [1, 2, 1, 8, 8, 3, 2, 1, 1],
  [2, 7, 9, 8, 16, 2, 4, 0, 1], // pixels that no patch contains
  [1, 4, 4, 40, 40, 3, 1, 1, 1], // too wide for it
];

const SIZES = [
  "batch",
  "height",
  "width",
  "inputs",
  "outputs",
  "kernel",
  "stride",
  "padding",
  "groups",
] as const;

function shapeOf(numbers: readonly number[]): ConvolutionShape {
  return Object.fromEntries(SIZES.map((name, i) => [name, numbers[i]])) as unknown as ConvolutionShape;
}

interface Counts {
  x: number;
  y: number;
  weight: number;
  depth: number;
}

function counts(shape: ConvolutionShape): Counts {
  const { batch, height, width, inputs, outputs, kernel, groups } = shape;
  const depth = (kernel * kernel * inputs) / groups;
  const pixels = batch * outputSize(height, shape) * outputSize(width, shape);
  return { x: batch * height * width * inputs, y: pixels * outputs, weight: outputs * depth, depth };
}

/** The operands of a convolution that gathers patches of `chunk` pixels at a time. */
function sizes(kernels: Kernels, shape: ConvolutionShape, chunk: number) {
  return { ...shape, scratch: kernels.place(chunk * counts(shape).depth), chunk };
}

/** Largest error of float32 sums of these products, for each value of `to`: terms·u·Σ|a·b|. */
function allowance(
  shape: ConvolutionShape,
  length: number,
  product: (y: number, x: number, weight: number) => [to: number, value: number],
  start: ArrayLike<number> = new Float32Array(length),
): Float64Array {
  const size = Float64Array.from(start, Math.abs);
  const terms = new Float64Array(length).fill(3);
  eachProduct(shape, (y, x, weight) => {
    const [to, value] = product(y, x, weight);
    size[to] = size[to] + Math.abs(value);
    terms[to] = terms[to] + 1;
  });
  return size.map((value, i) => terms[i] * UNIT * value + 1e-30);
}

for (const kernels of loadKernels()) {
  test(`${kernels.build}: a convolution equals its reference implementation for any chunk of pixels`, () => {
    const random = new Random(61);
    for (const numbers of SHAPES) {
      const shape = shapeOf(numbers);
      const { x: xs, y: ys, weight: ws } = counts(shape);
      const results: Float32Array[] = [];
      const [values, weights, biases] = [
        random.normals(xs),
        random.normals(ws),
        random.normals(shape.outputs),
      ];
      for (const chunk of [1, 5, ys / shape.outputs]) {
        kernels.reset();
        const [x, weight, bias] = [values, weights, biases].map((given) => kernels.place(given)) as never[];
        const y = kernels.place(ys);
        kernels.run("conv2d", { x, weight, bias, y, ...sizes(kernels, shape, chunk) });
        results.push(y.values.slice());
      }
      const reference = referenceConvolution(values, weights, biases, shape);
      const start = Float32Array.from(reference, (_, i) => biases[i % shape.outputs]);
      const product = (y: number, x: number, w: number): [number, number] => [y, values[x] * weights[w]];
      assertClose(results[0], reference, allowance(shape, ys, product, start), `${numbers}`);
      for (const result of results) assertSameBits(result, results[0], `${numbers}`);
    }
  });

  test(`${kernels.build}: a missing bias counts as 0`, () => {
    kernels.reset();
    const shape = shapeOf([1, 3, 3, 4, 8, 3, 1, 1, 1]);
    const random = new Random(62);
    const [x, weight] = [kernels.place(random.normals(36)), kernels.place(random.normals(288))];
    const y = kernels.place(72);
    kernels.run("conv2d", { x, weight, y, ...sizes(kernels, shape, 4) });
    assertClose(y.values, referenceConvolution(x.values, weight.values, undefined, shape), 2e-5, "no bias");
  });

  test(`${kernels.build}: the input gradient adds to every pixel the gradients of its patches`, () => {
    const random = new Random(63);
    for (const numbers of SHAPES) {
      const shape = shapeOf(numbers);
      const { x: xs, y: ys, weight: ws } = counts(shape);
      const [slopes, weights] = [random.normals(ys), random.normals(ws)];
      const reference = new Float64Array(xs);
      const product = (y: number, x: number, w: number): [number, number] => [x, slopes[y] * weights[w]];
      eachProduct(shape, (...at) => {
        const [to, value] = product(...at);
        reference[to] = reference[to] + value;
      });
      const results = [1, 7, ys / shape.outputs].map((chunk) => {
        kernels.reset();
        const [dy, weight, dx] = [kernels.place(slopes), kernels.place(weights), kernels.place(xs)];
        kernels.run("conv2dInputGradient", { dy, weight, dx, ...sizes(kernels, shape, chunk) });
        return dx.values.slice();
      });
      assertClose(results[0], reference, allowance(shape, xs, product), `${numbers}`);
      for (const result of results) assertSameBits(result, results[0], `${numbers}`);
    }
  });

  test(`${kernels.build}: weight and bias gradients are accumulated`, () => {
    const random = new Random(64);
    for (const numbers of SHAPES) {
      const shape = shapeOf(numbers);
      const { x: xs, y: ys, weight: ws } = counts(shape);
      const [slopes, values, before] = [random.normals(ys), random.normals(xs), random.normals(ws)];
      const reference = Float64Array.from(before);
      const product = (y: number, x: number, w: number): [number, number] => [w, slopes[y] * values[x]];
      eachProduct(shape, (...at) => {
        const [to, value] = product(...at);
        reference[to] = reference[to] + value;
      });
      const results = [1, 6, ys / shape.outputs].map((chunk) => {
        kernels.reset();
        const [dy, x, dWeight] = [kernels.place(slopes), kernels.place(values), kernels.place(before)];
        const dBias = kernels.place(new Float32Array(shape.outputs).fill(0.5));
        kernels.run("conv2dWeightGradient", { dy, x, dWeight, dBias, ...sizes(kernels, shape, chunk) });
        return { dWeight: dWeight.values.slice(), dBias: dBias.values.slice() };
      });
      const [first] = results as [(typeof results)[number]];
      assertClose(first.dWeight, reference, allowance(shape, ws, product, before), `${numbers}`);
      const sums = new Float64Array(shape.outputs).fill(0.5);
      slopes.forEach((slope, i) => {
        sums[i % shape.outputs] = sums[i % shape.outputs] + slope;
      });
      assertClose(first.dBias, sums, 1e-5, `${numbers} bias`);
      for (const { dWeight } of results) assertSameBits(dWeight, first.dWeight, `${numbers}`);
    }
  });
}

test.run();
