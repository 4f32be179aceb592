// Small data: what a run without its own batch size and repetition takes from a data set too small for the recipe's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { BatchSource } from "../../runtime/batches/batch-source.js";
import { VitrineError } from "../../runtime/errors.js";
import { startRun } from "../../trainer/core/new-run.js";
import type { OptionValue } from "../../trainer/core/option-kinds.js";
import type { DataRequest } from "../../trainer/core/run.js";
import { DEIT_SETTINGS } from "../../trainer/core/settings.js";
import { leftOut } from "../../trainer/report.js";
import { openFirstModel } from "../../trainer/starting-model.js";

/** A data server of `samples` images; the run stops at its device. */
async function asked(
  samples: number,
  ...flags: [string, OptionValue][]
): Promise<{ requests: string[]; error: unknown }> {
  const requests: string[] = [];
  const connect = async ({ batchSize, recipe }: DataRequest): Promise<BatchSource> => {
    requests.push(`${batchSize}×${recipe.repeats}`);
    if (samples < batchSize)
      throw new VitrineError("data/too-few-samples", "too few", { details: { samples, batchSize } });
    return {
      description: { fingerprint: "f", samples, classes: ["a", "b"], instance: "1" },
      batchesPerEpoch: Math.floor(samples / batchSize),
      batches: async function* () {},
      close: async () => {},
    };
  };
  const openRuntime = async () => {
    throw new VitrineError("device/unavailable", "none");
  };
  const given = new Map<string, OptionValue>([["--model", "deit_tiny_patch16_224"], ...flags]);
  const request = {
    ...{ out: "/nonexistent/run", resume: false, given, validation: null, checkpointEvery: 500 },
    ...{ device: null, gpuTier: null, threads: 1 },
  };
  const sources = { connect, openRuntime };
  const error = await openFirstModel(request)
    .then((first) => startRun(request, sources, first, []))
    .catch((e) => e);
  return { requests, error };
}

test("a large data set has the recipe's batch size and repetition", async () => {
  assert.equal((await asked(256)).requests, ["64×3"]);
});

test("fewer than 256 images are not repeated, unless asked for", async () => {
  assert.equal((await asked(255)).requests, ["64×3", "64×1"]);
  assert.equal((await asked(255, ["--repeats", 2])).requests, ["64×2"]);
  assert.equal((await asked(255, ["--repeated-aug", 3])).requests, ["64×3"]);
});

test("fewer images than a batch make one batch an epoch, of an even number of images", async () => {
  assert.equal((await asked(33)).requests, ["64×3", "32×3", "32×1"]);
  assert.equal((await asked(33, ["--accumulate", 4])).requests, ["64×3", "32×3", "32×1"]);
  assert.equal((await asked(30, ["--accumulate", 4])).requests, ["64×3", "24×3", "24×1"]);
});

test("a batch size that was asked for is refused, and so is a single image", async () => {
  const { requests, error } = await asked(33, ["--batch-size", 64]);
  assert.equal([requests, (error as VitrineError).code], [["64×3"], "data/too-few-samples"]);
  assert.is(((await asked(1)).error as VitrineError).code, "data/too-few-samples");
});

test("the images that no batch of an epoch has are counted", () => {
  const recipe = (repeats: number) => ({ ...DEIT_SETTINGS.recipe, repeats });
  const text = (samples: number, batchSize: number, repeats: number) =>
    leftOut(samples, { ...DEIT_SETTINGS, batchSize, recipe: recipe(repeats) });
  assert.is(text(238, 32, 1), "; 14 images are not seen in an epoch, others in each epoch");
  assert.is(text(225, 32, 1), "; 1 image is not seen in an epoch, others in each epoch");
  assert.is(text(256, 32, 1), "");
  assert.is(text(768, 32, 3), "; of the 768 images an epoch has 256, 3 times each, others in each epoch");
});

test.run();
