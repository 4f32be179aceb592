// Bench of training in a page: a head of a DeiT on 20 drawn pictures of 2 classes, in Chromium on wasm, with its accuracy
// on 40 others, after a reload in the middle, beside the same run in Node.
//
// `npm run bench -- tab-training --model FOLDER [--seed 0] [--json]`; needs Chromium (CHROME_PATH names one).

import { join } from "node:path";
import { parseArgs } from "node:util";
import { findChromium } from "../test/browser/chromium.js";
import { type Asked, digestOf, TrainingSite } from "../test/browser/training-site.js";

/** Of each class. */
const COUNTS = { train: 10, val: 20 };
/** The page is reloaded after this step. */
const RELOAD_STEP = 7;
/** What Node may take. */
const NODE_LIMIT_MS = 600_000;

export async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      model: { type: "string" },
      seed: { type: "string", default: "0" },
      json: { type: "boolean", default: false },
    },
  });
  const { model, json } = values;
  const seed = Number(values.seed);
  if (model === undefined) throw new Error("bench: tab-training needs --model FOLDER of a DeiT");
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new Error(`bench: --seed is "${values.seed}"; allowed: a whole number from 0 on`);
  const executable = findChromium();
  if (executable === undefined) throw new Error("bench: no Chromium here; CHROME_PATH names one");
  const site = await TrainingSite.open(executable, model, COUNTS);
  try {
    const asked: Asked = { model: "/model", device: "wasm", settings: { seed } };
    const figures: Record<string, string | number | boolean | undefined> = {};
    const show = (more: typeof figures): void => {
      Object.assign(figures, more);
      for (const [name, value] of Object.entries(more)) console.log(`${name.padEnd(20)}${value}`);
    };
    const { facts, seconds, evaluations, weights } = await site.train({ ...asked, run: "whole" });
    show({
      device: facts.deviceDescription,
      parameters: facts.parameters,
      trainedParameters: facts.trainedParameters,
      steps: facts.steps,
      plannedBytes: facts.plan.bytes,
      secondsToPrepare: seconds.prepare,
      secondsToTrain: seconds.train,
      secondsTo90: evaluations.find(({ top1 }) => top1 >= 90)?.seconds,
      top1: evaluations.at(-1)?.top1,
    });
    console.log(`flags: ${facts.flags.join(" ")}`);
    for (const { step, top1, loss } of evaluations)
      console.log(`  step ${step}: top-1 ${top1.toFixed(1)}%, loss ${loss.toFixed(4)}`);
    const node = await site.trainInNode("node", facts.flags, NODE_LIMIT_MS);
    show({ equalInNode: digestOf(join(node, "model.safetensors")) === weights });
    await site.train({ ...asked, run: "reloaded" }, RELOAD_STEP);
    await site.load();
    const resumed = await site.train({ run: "reloaded", resume: true });
    show({ resumedAt: resumed.facts.step, equalAfterReload: resumed.weights === weights });
    if (json) console.log(JSON.stringify(figures));
  } finally {
    await site.close();
  }
}
