// Double reference: runs the forward operations of a graph in double, one value at a time, as the oracle of its
// gradients.

import type { Operation, OperationType } from "../../runtime/graph/catalog.js";
import type { Graph } from "../../runtime/graph/program.js";
import type { TensorId } from "../../runtime/graph/tensor.js";
import { referenceAttention } from "../nn/reference-attention.js";
import { referenceGelu } from "../nn/reference-gelu.js";
import { referenceLayerNorm } from "../nn/reference-layer-norm.js";
import {
  referenceHardDistillation,
  referenceSoftDistillation,
  referenceSoftTargetCrossEntropy,
} from "../nn/reference-losses.js";
import { referenceAssemble, referencePatchify } from "../nn/reference-tokens.js";
import { CONVOLUTION_REFERENCES } from "./convolution-references.js";
import { type Given, type Reference, ReferenceRun, type Values } from "./reference-run.js";

/** Output name → values, from a graph of forward operations. */
export function runInDouble(graph: Graph, given: Given): Map<string, Values> {
  const run = new ReferenceRun(graph, given);
  for (const operation of graph.operations) {
    // The table pairs every type with its reference; TypeScript cannot see it through the union.
    const reference = REFERENCES[operation.type] as
      | ((run: ReferenceRun, operation: Operation) => void)
      | undefined;
    if (!reference) throw new Error(`${operation.type} has no reference`);
    reference(run, operation);
  }
  return new Map([...graph.outputs].map(([name, id]) => [name, run.get(id)]));
}

function row(values: Values, index: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => values[index * width + i]);
}

/** One value for each row of `logits` and of a second operand of its shape. */
function perRow(
  run: ReferenceRun,
  logits: TensorId,
  other: TensorId,
  loss: TensorId,
  rule: (logits: number[], other: number[]) => number,
): void {
  const width = run.shape(logits).at(-1) as number;
  run.write(loss, (b) => rule(row(run.get(logits), b, width), row(run.get(other), b, width)));
}

const REFERENCES: { readonly [T in OperationType]?: Reference<T> } = {
  ...CONVOLUTION_REFERENCES,
  patchifyImage: (run, { reads, writes, attributes }) => {
    const [batch, , side] = run.shape(reads.image) as [number, number, number];
    const image = run.get(reads.image);
    const pixel = (b: number, channel: number, y: number, x: number) =>
      image[((b * 3 + channel) * side + y) * side + x];
    const patches = referencePatchify(pixel, batch, side, attributes.patchSize);
    run.write(writes.patches, (i) => patches[i]);
  },
  linear: (run, { reads, writes }) => {
    const [outputs, inputs] = run.shape(reads.weight) as [number, number];
    const [x, weight] = [run.get(reads.x), run.get(reads.weight)];
    run.write(writes.y, (i) => {
      const [m, n] = [Math.floor(i / outputs), i % outputs];
      let sum = reads.bias === undefined ? 0 : (run.get(reads.bias)[n] as number);
      for (let k = 0; k < inputs; k++) sum += x[m * inputs + k] * weight[n * inputs + k];
      return sum;
    });
  },
  layerNorm: (run, { reads, writes, attributes }) => {
    const width = run.shape(reads.x).at(-1) as number;
    const x = run.get(reads.x);
    const shape = { rows: x.length / width, width, epsilon: attributes.epsilon };
    const y = referenceLayerNorm(x, run.get(reads.weight), run.get(reads.bias), shape);
    run.write(writes.y, (i) => y[i]);
  },
  attention: (run, { reads, writes, attributes }) => {
    const [batch, tokens, width] = run.shape(writes.out) as [number, number, number];
    const { heads } = attributes;
    const { out } = referenceAttention(run.get(reads.qkv), { batch, tokens, heads, size: width / heads });
    run.write(writes.out, (i) => out[i]);
  },
  gelu: (run, { reads, writes }) => run.write(writes.y, (i) => referenceGelu(run.get(reads.x)[i] as number)),
  scaledSum: (run, { reads, writes, attributes: { alpha, beta } }) => {
    const [a, b] = [run.get(reads.a), run.get(reads.b)];
    run.write(writes.y, (i) => alpha * a[i] + beta * b[i]);
  },
  scaleRows: (run, { reads, writes }) => {
    const [x, scale] = [run.get(reads.x), run.get(reads.scale)];
    run.write(writes.y, (i) => x[i] * scale[Math.floor((i * scale.length) / x.length)]);
  },
  layerScale: (run, { reads, writes }) => {
    const [x, factors] = [run.get(reads.x), run.get(reads.factors)];
    run.write(writes.y, (i) => x[i] * factors[i % factors.length]);
  },
  globalAveragePool: (run, { reads, writes }) => {
    const x = run.get(reads.x);
    const [batch, channels] = run.shape(writes.y) as [number, number];
    const pixels = x.length / batch / channels;
    const at = (b: number, n: number, c: number) => x[(b * pixels + n) * channels + c];
    run.write(writes.y, (i) => {
      const sum = Array.from({ length: pixels }, (_, n) => at(Math.floor(i / channels), n, i % channels));
      return sum.reduce((a, b) => a + b) / pixels;
    });
  },
  residual: (run, { reads, writes }) => {
    const [x, branch] = [run.get(reads.x), run.get(reads.branch)];
    const scale = reads.scale === undefined ? [1] : run.get(reads.scale);
    const at = (i: number) => scale[Math.floor((i * scale.length) / x.length)];
    run.write(writes.y, (i) => x[i] + at(i) * branch[i]);
  },
  assembleTokens: (run, { reads, writes }) => {
    const { patches, classToken, distillationToken, registers, position } = reads;
    const [batch, , width] = run.shape(patches) as [number, number, number];
    const prefix = [classToken, distillationToken, registers].filter((id) => id !== undefined);
    const rows = prefix.flatMap((id) => Array.from(run.get(id)));
    const special = Array.from({ length: rows.length / width }, (_, t) =>
      rows.slice(t * width, (t + 1) * width),
    );
    const y = referenceAssemble(run.get(patches), special, run.get(position), batch, width);
    run.write(writes.y, (i) => y[i]);
  },
  selectToken: (run, { reads, writes, attributes }) => {
    const [batch, tokens, width] = run.shape(reads.x) as [number, number, number];
    const x = run.get(reads.x);
    const count = run.shape(writes.y).reduce((a, b) => a * b) / (batch * width);
    const at = (row: number) => Math.floor(row / count) * tokens + attributes.token + (row % count);
    run.write(writes.y, (i) => x[at(Math.floor(i / width)) * width + (i % width)]);
  },
  softTargetCrossEntropy: (run, { reads, writes }) =>
    perRow(run, reads.logits, reads.targets, writes.loss, referenceSoftTargetCrossEntropy),
  hardDistillation: (run, { reads, writes }) =>
    perRow(run, reads.logits, reads.teacher, writes.loss, referenceHardDistillation),
  softDistillation: (run, { reads, writes, attributes }) =>
    perRow(run, reads.logits, reads.teacher, writes.loss, (logits, teacher) =>
      referenceSoftDistillation(logits, teacher, attributes.tau),
    ),
  dot: (run, { reads, writes }) => {
    const [a, b] = [run.get(reads.a), run.get(reads.b)];
    run.write(writes.y, () => Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0));
  },
};
