// Bench of the host's work: a forward pass and a training step of DeiT-Tiny distilled on Dawn's null backend, which takes
// every command and computes nothing, beside tfjs-webgpu on the same backend, taking turns.
//
// `npm run bench -- host [--rounds 5] [--round-ms 400] [--json]`; `--gpu` runs both on the machine's GPU (or llvmpipe)
// instead, a forward pass and a step of one image. The null backend holds 512 MiB: tfjs's training step needs more than
// that at 224×224, so the step's ratio is taken at 160×160, batch 1, with the same dispatches.

import { parseArgs } from "node:util";
import { contest, nodeContestant } from "./peers/comparison.js";

const BATCH = 8;
const SIDE = 224;
/** Largest side, a multiple of 32, whose training step tfjs can hold on the null backend. */
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
  const enter = (who: "vitrine" | "tfjs", what: "forward" | "step", images: number, side: number) =>
    nodeContestant(`${who} ${what}`, `host/${who}.js`, where, what, images, side);
  const forward = await contest(
    [enter("vitrine", "forward", batch, SIDE), enter("tfjs", "forward", batch, SIDE)],
    times,
  );
  const step = await contest(
    [enter("vitrine", "step", 1, stepSide), enter("tfjs", "step", 1, stepSide)],
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
  // Best times: the peer's calls are long, and whatever else the machine does falls into them first.
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
    // Of a forward pass and a step together, inputs and results included.
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
