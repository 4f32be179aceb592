// Half activations: the float16 tier halves only what goes into and comes out of products, and its plans are sound.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { halfOperands } from "../../runtime/graph/facts.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { FusionName, PlanOptions, Program } from "../../runtime/graph/program.js";
import type { ElementType } from "../../runtime/graph/tensor.js";
import { DEIT } from "../../runtime/models/deit/family.js";
import { accumulateGraph } from "../../runtime/training/graph.js";
import { MICRO } from "../executors/micro-deit.js";
import { Random } from "../nn/random.js";
import { replayMemory } from "./memory-replay.js";
import { randomGraph } from "./random-graph.js";

const FUSES: ReadonlySet<FusionName> = new Set([
  "linear-gelu",
  "linear-residual",
  "norm-linear",
  "gelu-gradient",
]);
const WIDE: PlanOptions = { fuses: FUSES, alignmentBytes: 256, limitBytes: 2 ** 32 };
const HALF: PlanOptions = { ...WIDE, halfActivations: true };

function training(options: PlanOptions): Program {
  const distillation = "soft" as const;
  const given = { config: MICRO, distillation, alpha: 0.5, tau: 2, dropPath: 0.1, ema: true };
  return planProgram(accumulateGraph(DEIT, given, 8, "pixels"), options);
}

/** Activations with memory in the plan, by element type. */
function activations({ graph, placements }: Program, wanted: ElementType): string[] {
  return graph.tensors
    .filter(({ id, dtype, origin }) => origin.kind === "activation" && dtype === wanted && placements.has(id))
    .map(({ name }) => name);
}

test("outputs of products and attention are float16; the residual stream, statistics and losses are not", () => {
  const program = training(HALF);
  const [half, wide] = [activations(program, "float16"), activations(program, "float32")];
  for (const name of ["block0.attn.qkv", "block0.attn.heads", "block0.mlp.fc1", "d block0.attn.qkv"])
    assert.ok(half.includes(name), `${name} is not among ${half.join(", ")}`);
  for (const name of [
    "tokens_plus_pos",
    "block0.out",
    "d block0.out",
    "head.logits",
    "block0.attn.logSumExp",
  ])
    assert.ok(wide.includes(name), `${name} is not among ${wide.join(", ")}`);
  assert.ok(
    half.every((name) => !/logits|mean|rstd|loss|out$/.test(name)),
    half.join(", "),
  );
});

test("activations are float32 by default, and half activations take less memory", () => {
  assert.equal(activations(training(WIDE), "float16"), []);
  assert.ok(training(HALF).arenaBytes < 0.75 * training(WIDE).arenaBytes);
});

test("operands that an operation does not allow in float16, outputs and accumulated tensors stay float32", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { graph } = randomGraph(new Random(seed), 30);
    const program = planProgram(graph, HALF);
    const type = (id: number | undefined) =>
      id === undefined ? undefined : program.graph.tensors[id]?.dtype;
    for (const operation of program.graph.operations) {
      const allowed = halfOperands(operation);
      for (const [name, id] of Object.entries({ ...operation.reads, ...operation.writes }))
        assert.ok(type(id) !== "float16" || allowed.includes(name), `${seed} ${operation.type} ${name}`);
      for (const id of Object.values(operation.adds)) assert.is.not(type(id), "float16");
    }
    for (const id of program.graph.outputs.values()) assert.is.not(type(id), "float16");
    assert.equal(replayMemory(program), [], `seed ${seed}`);
  }
});

test.run();
