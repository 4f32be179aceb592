// Row spans: what may be part of one, that their tensors do not share memory, and that no bit of a result changes.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createWeightStore } from "../../runtime/executors/parameter-store.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { tensorsChanged, tensorsRead } from "../../runtime/graph/graph.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { Program } from "../../runtime/graph/program.js";
import { nodeHost } from "../../runtime/host/node.js";
import { inferenceGraph } from "../../runtime/inference/program.js";
import { DEIT } from "../../runtime/models/deit/family.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { WEIGHTS } from "../../runtime/models/family.js";
import { accumulateGraph } from "../../runtime/training/graph.js";
import { MICRO, randomPixels, randomWeights } from "../executors/micro-deit.js";
import { assertSameBits } from "../nn/compare.js";

const BATCH = 8;
const OPTIONS = {
  fuses: new Set(["linear-gelu", "linear-residual"] as const),
  alignmentBytes: 64,
  limitBytes: 2 ** 32,
};

const planned = (rowSpans: boolean) => planProgram(inferenceGraph(MICRO, BATCH), { ...OPTIONS, rowSpans });

const typesOf = (program: Program, first: number, last: number) =>
  program.graph.operations.slice(first, last + 1).map(({ type }) => type);

test("a transformer layer is one span and its attention", () => {
  const program = planned(true);
  const spans = program.spans.map(({ first, last }) => typesOf(program, first, last));
  const [intoAttention, outOfAttention] = [
    ["layerNorm", "linear"],
    ["linear", "layerNorm", "linear", "linear"],
  ];
  assert.equal(spans, [intoAttention, [...outOfAttention, ...intoAttention]]);
  assert.ok(program.spans.every(({ rows }) => rows === BATCH * 18));
});

test("there are no spans by default, with few rows, or in training", () => {
  assert.equal(planned(false).spans, []);
  assert.equal(planProgram(inferenceGraph(MICRO, 1), { ...OPTIONS, rowSpans: true }).spans, []);
  const objective = {
    config: MICRO,
    distillation: "none",
    alpha: 0,
    tau: 1,
    dropPath: 0,
    ema: false,
  } as const;
  const training = accumulateGraph(DEIT, objective, BATCH, "pixels");
  assert.equal(planProgram(training, { ...OPTIONS, rowSpans: true }).spans, []);
});

/** Pairs of a span's tensors that overlap without occupying the same bytes. */
function overlapsWithin(program: Program): string[] {
  return program.spans.flatMap(({ first, last }) => {
    const operations = program.graph.operations.slice(first, last + 1);
    const ids = [...new Set(operations.flatMap((each) => [...tensorsRead(each), ...tensorsChanged(each)]))];
    const places = ids.flatMap((id) => program.placements.get(id) ?? []);
    return places.flatMap((a, i) =>
      places
        .slice(i + 1)
        .filter((b) => a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes)
        .filter((b) => a.offset !== b.offset || a.bytes !== b.bytes)
        .map((b) => `${a.offset}+${a.bytes} and ${b.offset}+${b.bytes}`),
    );
  });
}

test("tensors of a span do not overlap, although without spans they would", () => {
  const program = planned(true);
  assert.equal(overlapsWithin(program), []);
  assert.ok(overlapsWithin({ ...planned(false), spans: program.spans }).length > 0);
});

test("spans change no bit of the logits", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const pixels = randomPixels(MICRO, BATCH, 3);
  const results: Float32Array[] = [];
  for (const frozenStores of [false, true]) {
    for (const rowSpans of [false, true]) {
      const store = await createWeightStore(executor, deitParameters(MICRO), randomWeights(MICRO, 7));
      const stores = new Map([[WEIGHTS, store]]);
      const executable = await executor.compile(planned(rowSpans), stores, { frozenStores });
      results.push((await executable.run({ pixels })).logits as Float32Array);
    }
  }
  for (const logits of results) assertSameBits(logits, results[0], "logits");
});

test.run();
