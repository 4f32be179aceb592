// WebGPU matrix pipelines: every kernel that DeiT-Tiny, DeiT-Small and RegNetY dispatch on tier `matrices` compiles to
// a pipeline, for each size of matrix units that GPUs are known to have. Dawn's null backend checks kernels as for a
// GPU and computes nothing.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Store } from "../../runtime/executors/device-store.js";
import { storeLayout } from "../../runtime/executors/parameter-store.js";
import type { WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import type { MatrixUnits } from "../../runtime/executors/webgpu/tier.js";
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
import { accumulateGraph, parameterGroups } from "../../runtime/training/graph.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

/** The null backend's workgroups with matrices are multiples of 128. */
const UNITS: Readonly<Record<string, MatrixUnits>> = {
  "16×16×16 in subgroups of 32": { rows: 16, columns: 16, depth: 16, largestSubgroup: 32 },
  "16×8×16 in subgroups of 32": { rows: 16, columns: 8, depth: 16, largestSubgroup: 32 },
  "8×8×8 in subgroups of 32": { rows: 8, columns: 8, depth: 8, largestSubgroup: 32 },
  "8×16×16 in subgroups of 32": { rows: 8, columns: 16, depth: 16, largestSubgroup: 32 },
  "16×16×16 in subgroups of 64": { rows: 16, columns: 16, depth: 16, largestSubgroup: 64 },
  "16×16×16 in subgroups of 128": { rows: 16, columns: 16, depth: 16, largestSubgroup: 128 },
};

const KERNEL = "subgroup-matrix-product";
const CONVOLUTION = "subgroup-matrix-conv2d";
/** Enough tokens for weight gradients to be split. */
const BATCH = 4;

/** The texts of all kernels with their names, in order. */
type Seen = [name: string, text: string][];

function onNull(matrices: MatrixUnits, seen: Seen) {
  const kernel = (name: string, text: string) => {
    seen.push([name, text]);
    return text;
  };
  const nothing = { ...nodeHost(), gpu: () => openNodeGpu({ backend: "null", name: "" }) };
  return observedHost({ matrices, kernel }, nothing).host;
}

async function compile(executor: WebgpuExecutor, config: DeitConfig): Promise<void> {
  const options = { config, distillation: "hard", alpha: 0.5, tau: 1, dropPath: 0.1, ema: true } as const;
  const shapes = deitParameters(config);
  const groups = parameterGroups(DEIT, shapes, options);
  const layout = storeLayout(shapes, [...groups.groups.flatMap(({ names }) => names), ...groups.untouched]);
  const graphs: Graph[] = [
    inferenceGraph(config, BATCH),
    accumulateGraph(DEIT, options, BATCH, "pixels"),
    accumulateGraph(DEIT, { ...options, distillation: "none" }, BATCH, "pixels"),
  ];
  const names = ["weights", "gradients"];
  const stores = new Map<string, Store>(names.map((name) => [name, executor.createStore(layout)]));
  for (const graph of graphs) {
    const executable = await executor.compile(planProgram(graph, executor.capabilities), stores);
    executable.dispose();
  }
}

/** A RegNetY with the first two stages of RegNetY-16GF: all kinds of convolutions that it has. */
async function compileTeacher(executor: WebgpuExecutor): Promise<void> {
  const teacher = publishedRegnety("regnety_160") as RegnetyConfig;
  const config = { ...teacher, stages: teacher.stages.slice(0, 2) };
  const weights = executor.createStore(storeLayout(foldedParameters(config)));
  const graph = inferenceGraph(config, BATCH);
  const program = planProgram(graph, executor.capabilities);
  (await executor.compile(program, new Map([["weights", weights]]))).dispose();
}

const [first] = Object.values(UNITS) as [MatrixUnits, ...MatrixUnits[]];
const found = await webgpuOrSkip(onNull(first, []), "matrices");
if (found) {
  await found.dispose();
  for (const [what, matrices] of Object.entries(UNITS)) {
    test(`with matrices of ${what} every product of DeiT-Tiny, DeiT-Small and their teacher has a pipeline, and no kernel causes a warning`, async () => {
      const seen: Seen = [];
      const executor = (await webgpuOrSkip(onNull(matrices, seen), "matrices")) as WebgpuExecutor;
      for (const size of ["tiny", "small"])
        await compile(executor, publishedConfig(`deit_${size}_distilled_patch16_224`) as DeitConfig);
      assert.not(seen.some(([name]) => name === "matrix-product"));
      await compileTeacher(executor);
      // Only the image's three channels are not a multiple of 4.
      assert.is(seen.filter(([name]) => name === "conv2d").length, 1);
      const convolutions = seen.filter(([name]) => name === CONVOLUTION);
      assert.ok(convolutions.length >= 2, `${convolutions.length} convolutions`);
      const texts = seen.filter(([name]) => name === KERNEL || name === CONVOLUTION).map(([, text]) => text);
      assert.ok(texts.length >= 10, `${texts.length} variants`);
      assert.ok(texts.some((text) => text.includes("split = group.z;")));
      for (const side of [16, 32]) assert.ok(texts.some((text) => text.includes(`const PM = ${side}u;`)));
      for (const code of texts) {
        const { messages } = await executor.gpu.createShaderModule({ code }).getCompilationInfo();
        assert.equal(
          messages.map(({ message }) => message),
          [],
        );
      }
      await executor.dispose();
    });
  }
  test.run();
}
