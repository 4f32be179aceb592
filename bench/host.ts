// Bench of the host's time: a forward pass and a training step of DeiT-Tiny distilled on Dawn's null backend, which accepts
// every command and computes nothing, taking turns with tfjs-webgpu on the same backend.
//
// `npm run bench -- host [--rounds 5] [--round-ms 400] [--json]`; `--gpu` runs both on the machine's GPU (or llvmpipe)
// instead, a forward pass and a step of one image. The null backend has 512 MiB of memory, and tfjs's training step at
// 224×224 needs more, so the step is compared at 160×160, batch 1, which has the same dispatches.

import { parseArgs } from "node:util";
import { compare, nodePeer } from "./peers/comparison.js";

const BATCH = 8;
const SIDE = 224;
/** Largest side, a multiple of 32, whose training step by tfjs fits the null backend. */
const STEP_SIDE = 160;

export async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      rounds: { type: "string", default: "5" },
      "round-ms": { type: "string", default: "400" },
      gpu: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const where = values.gpu ? "gpu" : "null";
  const times = { rounds: Number(values.rounds), roundMs: Number(values["round-ms"]) };
  const [batch, stepSide] = values.gpu ? [1, SIDE] : [BATCH, STEP_SIDE];
  const peer = (name: "vitrine" | "tfjs", task: "forward" | "step", images: number, side: number) =>
    nodePeer(`${name} ${task}`, `host/${name}.js`, where, task, images, side);
  const forward = await compare(
    [peer("vitrine", "forward", batch, SIDE), peer("tfjs", "forward", batch, SIDE)],
    times,
  );
  const step = await compare(
    [peer("vitrine", "step", 1, stepSide), peer("tfjs", "step", 1, stepSide)],
    times,
  );
  const results = new Map([...forward.results, ...step.results].map((result) => [result.name, result]));
  for (const { name, medianMs, bestMs, calls, check } of results.values())
    console.log(
      `${name.padEnd(16)} ${medianMs.toFixed(3).padStart(10)} ms median ${bestMs.toFixed(3).padStart(10)} best ` +
        `${String(check[0]).padStart(6)} dispatches, ${calls} calls`,
    );
  const absent = [...forward.absent, ...step.absent];
  for (const { name, reason } of absent) console.log(`${name.padEnd(16)} ${reason}`);
  // Best times: tfjs's calls are longer, so other load on the machine distorts them more.
  const ms = (name: string) => results.get(name)?.bestMs ?? Number.NaN;
  const dispatches = (name: string) => results.get(name)?.check[0] ?? Number.NaN;
  const [forwardUs, stepUs] = [1000 * ms("vitrine forward"), 1000 * ms("vitrine step")];
  const [forwardDispatches, trainDispatches] = [dispatches("vitrine forward"), dispatches("vitrine step")];
  const ratios = {
    vsTfjsWebgpuForward: ms("tfjs forward") / ms("vitrine forward"),
    vsTfjsWebgpuStep: ms("tfjs step") / ms("vitrine step"),
  };
  const summary = {
    node: process.version,
    where,
    // Over a forward pass and a step, inputs and results included.
    usPerDispatch: (forwardUs + stepUs) / (forwardDispatches + trainDispatches),
    usPerDispatchOfForward: forwardUs / forwardDispatches,
    usPerDispatchOfStep: stepUs / trainDispatches,
    forwardDispatches,
    trainDispatches,
    absent,
    ratios,
  };
  console.log(`ratios, their time over ours: ${JSON.stringify(ratios)}`);
  if (values.json) console.log(JSON.stringify(summary));
}
