// WebGPU dispatches: how many kernels a forward pass and a training step of DeiT-Tiny distilled dispatch, by the
// executor's own count. Dawn's null backend accepts the commands, so no driver is needed and nothing is computed.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Store, StoreLayout } from "../../runtime/executors/device-store.js";
import { storeLayout } from "../../runtime/executors/parameter-store.js";
import type { WebgpuExecutable } from "../../runtime/executors/webgpu/executable.js";
import { createWebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { Graph } from "../../runtime/graph/program.js";
import { nodeHost } from "../../runtime/host/node.js";
import { openNodeGpu } from "../../runtime/host/node-gpu.js";
import { inferenceGraph } from "../../runtime/inference/program.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { DEIT } from "../../runtime/models/deit/family.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { publishedConfig } from "../../runtime/models/families.js";
import { publishedRegnety, type RegnetyConfig } from "../../runtime/models/regnety/config.js";
import { foldedParameters } from "../../runtime/models/regnety/folding.js";
import { accumulateGraph, applyGraph, parameterGroups } from "../../runtime/training/graph.js";
import { LOSS_SCALE, LOSS_SCALE_LAYOUT } from "../../runtime/training/loss-scale.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

const host = { ...nodeHost(), gpu: () => openNodeGpu({ backend: "null", name: "" }) };
const found = await webgpuOrSkip(host);
if (found) {
  const config = publishedConfig("deit_tiny_distilled_patch16_224") as DeitConfig;
  const options = { config, distillation: "hard", alpha: 0.5, tau: 1, dropPath: 0.1, ema: true } as const;
  const shapes = deitParameters(config);
  const groups = parameterGroups(DEIT, shapes, options);
  const layout = storeLayout(shapes, [...groups.groups.flatMap(({ names }) => names), ...groups.untouched]);

  const dispatchesOf = async (
    graph: Graph,
    layouts: ReadonlyMap<string, StoreLayout>,
    hardware = false,
  ): Promise<number> => {
    const executor = await createWebgpuExecutor(hardware ? observedHost({ hardware }, host).host : host);
    const stores = new Map<string, Store>(
      Array.from(layouts, ([name, each]) => [name, executor.createStore(each)]),
    );
    const executable = await executor.compile(planProgram(graph, executor.capabilities), stores);
    const { dispatches } = executable as WebgpuExecutable;
    await executor.dispose();
    return dispatches;
  };

  const stores = new Map<string, StoreLayout>([
    ...["weights", "gradients", "firstMoment", "secondMoment", "ema"].map((name) => [name, layout] as const),
    [LOSS_SCALE, LOSS_SCALE_LAYOUT],
  ]);
  const step = async (lossScaling: boolean) => {
    const chosen = { ...options, lossScaling };
    const accumulate = await dispatchesOf(accumulateGraph(DEIT, chosen, 2, "pixels"), stores);
    return [accumulate, await dispatchesOf(applyGraph({ shapes, groups }, chosen), stores)] as const;
  };

  test("a forward pass of 8 images takes at most 90", async () => {
    const dispatches = await dispatchesOf(inferenceGraph(config, 8), new Map([["weights", layout]]));
    assert.ok(dispatches > 12 && dispatches <= 90, `${dispatches}`);
  });

  test("a forward pass of a RegNetY takes eight a block, one more a stage, and four", async () => {
    const teacher = publishedRegnety("regnety_002") as RegnetyConfig;
    const weights = storeLayout(foldedParameters(teacher));
    const graph = inferenceGraph(teacher, 8);
    const blocks = teacher.stages.reduce((sum, { depth }) => sum + depth, 0);
    const expected = 8 * blocks + teacher.stages.length + 4;
    assert.is(await dispatchesOf(graph, new Map([["weights", weights]])), expected);
  });

  test("a training step with distillation, stochastic depth and an average takes at most 400", async () => {
    const [accumulate, apply] = await step(false);
    assert.ok(accumulate > 100 && accumulate + apply <= 400, `${accumulate} and ${apply}`);
  });

  test("on a GPU, which splits the sums over a batch's tokens, a step of 8 images takes at most 400", async () => {
    const accumulate = await dispatchesOf(accumulateGraph(DEIT, options, 8, "pixels"), stores, true);
    const [whole, apply] = await step(false);
    // The gradients of 25 layer norms are split, and of most weights of products.
    assert.ok(accumulate > whole + 25 && accumulate + apply <= 400, `${accumulate} and ${apply}`);
  });

  test("LAMB's norms and steps of 51 tensors with weight decay take a dispatch for 30 of them each", async () => {
    for (const [optimizer, most] of [
      ["adamw", 5],
      ["sgd", 6],
      ["lamb", 15],
    ] as const) {
      const apply = await dispatchesOf(applyGraph({ shapes, groups }, { ...options, optimizer }), stores);
      assert.ok(apply <= most, `${optimizer}: ${apply}`);
    }
  });

  test("scaling the loss adds no dispatch: one for the scale replaces the one for a gradient of 1", async () => {
    const [plain, scaled] = [await step(false), await step(true)];
    assert.equal(scaled, [plain[0] - 1, plain[1] + 1]);
  });

  test.after(() => found.dispose());
  test.run();
}
