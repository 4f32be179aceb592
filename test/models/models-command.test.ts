// vitrine models: the counts are those that deit, timm and the papers state.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { runCommand } from "../inference/run-command.js";

/** Parameters, by instantiating the reference code. */
const PARAMETERS: Readonly<Record<string, number>> = {
  ...{ deit_tiny_patch16_224: 5_717_416, deit_small_distilled_patch16_224: 22_436_432 },
  ...{ deit_base_patch16_384: 86_859_496, deit_base_distilled_patch16_384: 87_630_032 },
  ...{ regnety_002: 3_162_996, regnety_004: 4_344_144, regnety_040: 20_646_656, regnety_080: 39_180_068 },
  ...{ regnety_120: 51_822_544, regnety_160: 83_590_140 },
};

/** Billions of multiply-adds: of linear layers and attention for DeiT, by timm for RegNetY, by the paper for DeiT III. */
const BILLIONS: Readonly<Record<string, [billions: number, within: number]>> = {
  ...{ deit_tiny_patch16_224: [1.254, 0.001], deit_small_patch16_224: [4.599, 0.001] },
  ...{ deit_base_patch16_224: [17.564, 0.001], deit_base_patch16_384: [55.484, 0.001] },
  ...{ deit_tiny_distilled_patch16_224: [1.261, 0.001], deit_base_distilled_patch16_384: [55.591, 0.001] },
  ...{ deit3_medium_patch16_224: [8.0, 0.05], deit3_large_patch16_224: [61.6, 0.05] },
  ...{ deit3_huge_patch14_224: [167.4, 0.5] },
  ...{ regnety_002: [0.2, 0.01], regnety_040: [4.0, 0.03], regnety_160: [15.96, 0.06] },
};

async function printed(...args: string[]): Promise<string> {
  const command = runCommand(...args);
  assert.is(await command.ended, 0);
  return command.output().stdout;
}

test("parameters and multiply-adds are the published ones", async () => {
  const stdout = await printed("models", "--json");
  const { models } = JSON.parse(stdout);
  const named = new Map<
    string,
    { parameters: number; multiplyAdds: number; imageSize: number; family: string }
  >(models.map((model: { name: string }) => [model.name, model]));
  for (const [name, parameters] of Object.entries(PARAMETERS))
    assert.is(named.get(name)?.parameters, parameters, name);
  for (const [name, [billions, within]] of Object.entries(BILLIONS)) {
    const got = (named.get(name)?.multiplyAdds ?? 0) / 1e9;
    assert.ok(Math.abs(got - billions) <= within, `${name}: ${got}`);
  }
  assert.equal([...new Set([...named.values()].map(({ family }) => family))].sort(), [
    ...["DeiT", "DeiT III", "RegNetY", "ViT"],
  ]);
  assert.is(named.get("deit3_huge_patch14_224")?.imageSize, 224);
});

test("the table fits 80 columns and names every model once", async () => {
  const stdout = await printed("models");
  const lines = stdout.trimEnd().split("\n");
  for (const line of lines) assert.ok(line.length <= 80, line);
  const names = lines.map((line) => line.split(" ")[0]).filter((word) => /_/.test(word ?? ""));
  assert.is(new Set(names).size, names.length);
  assert.match(stdout, /^deit_tiny_patch16_224 +DeiT +5\.7 M +1\.25 +224$/m);
});

test.run();
