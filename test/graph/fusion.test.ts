// Fusion: the operations that the planner fuses where an executor has the kernels, and that fused plans are sound.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { OperationType } from "../../runtime/graph/catalog.js";
import { GraphBuilder, tensorsChanged, tensorsRead } from "../../runtime/graph/graph.js";
import { gelu, relu } from "../../runtime/graph/operations/activations.js";
import { linear } from "../../runtime/graph/operations/linear.js";
import { residual, scaleRows } from "../../runtime/graph/operations/residual.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { FusionName, Graph } from "../../runtime/graph/program.js";
import type { TensorId } from "../../runtime/graph/tensor.js";
import { inferenceGraph } from "../../runtime/inference/program.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { DEIT } from "../../runtime/models/deit/family.js";
import { publishedConfig } from "../../runtime/models/families.js";
import { accumulateGraph } from "../../runtime/training/graph.js";
import { SYNTHETIC_REGNETY } from "../models/synthetic-regnety.js";
import { Random } from "../nn/random.js";
import { replayMemory } from "./memory-replay.js";
import { randomGraph } from "./random-graph.js";

const ALL: ReadonlySet<FusionName> = new Set<FusionName>([
  ...(["linear-gelu", "linear-residual", "linear-scaled-residual"] as const),
  ...([
    "linear-relu",
    "conv-relu",
    "norm-linear",
    "gelu-gradient",
    "scaled-gradient",
    "loss-gradient",
  ] as const),
]);

const config: DeitConfig = {
  ...(publishedConfig("deit_tiny_distilled_patch16_224") as DeitConfig),
  ...{ imageSize: 16, patchSize: 4, dim: 24, depth: 3, heads: 3, mlpDim: 96, classes: 5 },
};

function trainingGraph(): Graph {
  const options = { config, distillation: "hard", alpha: 0.5, tau: 1, dropPath: 0.1, ema: true } as const;
  return accumulateGraph(DEIT, options, 2, "pixels");
}

function planned(graph: Graph, fuses = ALL) {
  const program = planProgram(graph, { fuses, alignmentBytes: 64, limitBytes: 2 ** 32 });
  assert.equal(replayMemory(program), []);
  const { operations } = program.graph;
  return {
    operations,
    count: (type: OperationType) => operations.filter((each) => each.type === type).length,
  };
}

test("inference has no separate layer norm, GELU or residual", () => {
  const { count } = planned(inferenceGraph(config, 2));
  for (const type of ["layerNorm", "gelu", "residual"] as const) assert.is(count(type), 0, type);
});

test("a training step fuses norms, scales, slopes and losses into its products and gradients", () => {
  const { operations, count } = planned(trainingGraph());
  const gone = [
    "layerNorm",
    "residual",
    "scaleRows",
    "geluBackward",
    "softTargetCrossEntropy",
    "hardDistillation",
  ];
  for (const type of gone as OperationType[]) assert.is(count(type), 0, type);
  // Backward's operands still exist: the linear layers write the statistics, and every norm has its gradient.
  const statistics = operations.filter((each) => each.type === "linear" && each.writes.mean !== undefined);
  assert.is(statistics.length, count("layerNormBackward"));
  assert.is(count("gelu"), config.depth + 1);
});

test("without one of the fusions its operations stay separate", () => {
  const without = (name: FusionName) =>
    planned(trainingGraph(), new Set([...ALL].filter((each) => each !== name)));
  assert.ok(without("norm-linear").count("layerNorm") > 0);
  assert.ok(without("scaled-gradient").count("scaleRows") > 0);
  assert.ok(without("gelu-gradient").count("geluBackward") > 0);
  assert.ok(without("linear-scaled-residual").count("residual") > 0);
  assert.is(without("loss-gradient").count("softTargetCrossEntropy"), 1);
});

test("inference of a convolutional network fuses ReLU and residuals into its products", () => {
  const graph = () => inferenceGraph(SYNTHETIC_REGNETY, 2);
  const { operations, count } = planned(graph());
  for (const type of ["relu", "residual"] as const) assert.is(count(type), 0, type);
  const blocks = SYNTHETIC_REGNETY.stages.reduce((sum, { depth }) => sum + depth, 0);
  const cut = operations.filter(
    (each) => (each.type === "linear" || each.type === "conv2d") && each.attributes.relu,
  );
  // The stem; of a block two convolutions, the squeeze, and the last one with the residual.
  assert.is(cut.length, 1 + 4 * blocks);
  const sums = cut.filter((each) => each.type === "linear" && each.reads.residual !== undefined);
  assert.is(sums.length, blocks);
  const some = (...names: FusionName[]) => planned(graph(), new Set(names)).count("relu");
  assert.is(some(), 1 + 4 * blocks);
  assert.is(some("conv-relu"), 3 * blocks);
  assert.is(some("linear-relu"), 1 + 2 * blocks);
});

test("a scaled gradient is fused into its product, unless it is an output as well", () => {
  const scaled = (isOutput: boolean): number => {
    const graph = new GraphBuilder("scaled");
    const [gradient, scale] = [graph.input("gradient", [2, 4]), graph.input("scale", [2])];
    const dy = scaleRows(graph, gradient, scale, "dy");
    const dx = graph.activation("dx", [2, 3]);
    const weight = graph.stored("weights", "w", [4, 3]);
    graph.add("linearInputGradient", { reads: { dy, weight }, writes: { dx } });
    graph.output("dx", dx);
    if (isOutput) graph.output("dy", dy);
    return planned(graph).count("scaleRows");
  };
  assert.is(scaled(false), 0);
  assert.is(scaled(true), 1);
});

test("no residual or GELU slope is fused after a ReLU", () => {
  const graph = new GraphBuilder("cut off");
  const x = graph.input("x", [2, 4]);
  const weight = graph.stored("weights", "w", [4, 4]);
  const cut = (name: string) => relu(graph, linear(graph, x, weight, undefined, name), `${name} cut`);
  graph.output("sum", residual(graph, x, cut("a"), undefined, "sum"));
  graph.output("slope", gelu(graph, cut("b"), "slope"));
  const { count } = planned(graph);
  assert.equal([count("relu"), count("residual"), count("gelu")], [0, 1, 1]);
});

test("random graphs stay sound: no tensor is read after it was overwritten or before it is written", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const { operations } = planned(randomGraph(random, random.between(3, 40)).graph);
    const made = new Set<TensorId>();
    const writes = operations.flatMap(tensorsChanged);
    for (const operation of operations) {
      for (const id of tensorsRead(operation))
        assert.ok(!writes.includes(id) || made.has(id), `seed ${seed}`);
      for (const id of tensorsChanged(operation)) made.add(id);
    }
  }
});

test.run();
