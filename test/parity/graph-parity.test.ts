// Graph parity: forward, losses, gradients and optimizer steps equal PyTorch's on the fixtures of the project.

import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CaseGroup, ParityOutcome } from "./case.js";
import { openFixtureFolder } from "./fixture-folder.js";
import { forwardCases } from "./forward-cases.js";
import { gradientCases } from "./gradient-cases.js";
import { optimizerCases } from "./optimizer-cases.js";
import { regnetyCases } from "./regnety-cases.js";

/** Compiled to dist/test/parity/; fixtures stay with the sources. */
const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/micro", import.meta.url));

async function outcomes(group: CaseGroup): Promise<ParityOutcome[]> {
  const all: ParityOutcome[] = [];
  for await (const outcome of group(openFixtureFolder(FIXTURES, "wasm"))) all.push(outcome);
  return all;
}

function expectEqual(cases: ParityOutcome[], prefixes: readonly string[]): void {
  const failed = cases.filter(({ ok }) => !ok);
  assert.equal(failed, []);
  for (const prefix of prefixes)
    assert.ok(
      cases.some(({ name }) => name.startsWith(prefix)),
      `no case of ${prefix}`,
    );
}

test("every tensor between image and logits equals PyTorch's, with dropped branches too", async () => {
  const cases = await outcomes(forwardCases);
  expectEqual(cases, [
    "forward_distilled/block0.attn.probs",
    "forward_distilled/logits.eval (fused)",
    "drop_path/",
  ]);
});

test("losses and gradients equal PyTorch's for hard, soft and no distillation", async () => {
  const cases = await outcomes(gradientCases);
  const losses = ["losses/distilled.none", "losses/distilled.soft", "losses/paper_eq2", "losses/eval"];
  expectEqual(cases, [...losses, "grads_distilled_hard/dist_token", "grads_distilled_soft/pos_embed"]);
});

test("ten AdamW steps, clipping, moments and averages equal PyTorch's", async () => {
  const cases = await outcomes(optimizerCases);
  const files = [
    "adamw_step1/",
    "adamw_step10/",
    "adamw_step1_clip0.1/",
    "adamw_state10/",
    "ema10_decay0.99/",
  ];
  expectEqual(cases, [
    ...files,
    "ema10_decay0.99996/",
    "adamw_step10_disttoken_decayed/",
    "adamw/loss_per_step",
  ]);
});

test("RegNetY's tables, feature maps, gradients and batch norm statistics equal timm's", async () => {
  const cases = await outcomes(regnetyCases);
  const names = ["regnet_tables/regnety_320", "regnety_forward/s3", "regnety_forward/train.loss"];
  expectEqual(cases, [...names, "regnety_grads/stem.conv.weight", "regnety_grads/stem.bn.running_var"]);
  expectEqual(cases, ["regnety_grads/s1.b1.conv2.bn.num_batches_tracked"]);
});

test("an average that is never updated and a step that is not clipped would be detected", async () => {
  const context = openFixtureFolder(FIXTURES, "wasm");
  const start = context.floats("model_distilled.safetensors");
  const unclipped = context.floats("adamw_step1.safetensors");
  for await (const { name, tolerance } of optimizerCases(context)) {
    const [file, tensor] = name.split("/") as [string, string];
    const wrong = file.startsWith("ema10") ? start : file === "adamw_step1_clip0.1" ? unclipped : undefined;
    const values = wrong?.get(tensor)?.data;
    if (!values) continue;
    const want = context.floats(`${file}.safetensors`).get(tensor)?.data as Float32Array;
    assert.ok(
      want.some((value, i) => Math.abs(value - (values[i] as number)) > tolerance),
      name,
    );
  }
});

test.run();
