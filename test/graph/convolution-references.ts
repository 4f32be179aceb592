// Convolution references: the forward operations of convolutional networks in double, for double-reference.ts.

import type { OperationType } from "../../runtime/graph/catalog.js";
import {
  referenceBatchNorm,
  referenceChannelSums,
  referenceConvolution,
} from "../nn/reference-convolution.js";
import type { Reference } from "./reference-run.js";

export const CONVOLUTION_REFERENCES: { readonly [T in OperationType]?: Reference<T> } = {
  conv2d: (run, { reads, writes, attributes }) => {
    const [batch, height, width, inputs] = run.shape(reads.x) as [number, number, number, number];
    const [outputs, kernel] = run.shape(reads.weight) as [number, number];
    const bias = reads.bias === undefined ? undefined : run.get(reads.bias);
    const shape = { batch, height, width, inputs, outputs, kernel, ...attributes };
    const y = referenceConvolution(run.get(reads.x), run.get(reads.weight), bias, shape);
    run.write(writes.y, (i) => y[i]);
  },
  batchNorm: (run, { reads, writes, attributes }) => {
    const [x, weight, bias] = [run.get(reads.x), run.get(reads.weight), run.get(reads.bias)];
    const { y } = referenceBatchNorm(x, weight, bias, attributes.epsilon);
    run.write(writes.y, (i) => y[i]);
  },
  relu: (run, { reads, writes }) => run.write(writes.y, (i) => Math.max(run.get(reads.x)[i] as number, 0)),
  sigmoid: (run, { reads, writes }) =>
    run.write(writes.y, (i) => 1 / (1 + Math.exp(-(run.get(reads.x)[i] as number)))),
  swapHalves: (run, { reads, writes }) => {
    const x = run.get(reads.x);
    run.write(writes.y, (i) => x[(i + x.length / 2) % x.length]);
  },
  globalAveragePool: (run, { reads, writes }) => {
    const [batch, channels] = run.shape(writes.y) as [number, number];
    const x = run.get(reads.x);
    const mean = referenceChannelSums(x, batch, channels, () => (batch * channels) / x.length);
    run.write(writes.y, (i) => mean[i]);
  },
  scaleChannels: (run, { reads, writes }) => {
    const [batch, channels] = run.shape(reads.scale) as [number, number];
    const [x, scale] = [run.get(reads.x), run.get(reads.scale)];
    const row = (i: number) => Math.floor((i * batch) / x.length);
    run.write(writes.y, (i) => x[i] * scale[row(i) * channels + (i % channels)]);
  },
};
