// Model limits: a config.json that asks for more than any model has is refused before time or memory is spent on it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { publishedConfig } from "../../runtime/models/families.js";
import { DEIT_SETTINGS } from "../../trainer/settings.js";
import { checkParameterMemory, openStartingModel } from "../../trainer/starting-model.js";

const folder = mkdtempSync(join(tmpdir(), "vitrine-limits-"));
test.after(() => rmSync(folder, { recursive: true }));

const DEIT = {
  ...{ model_type: "vit", image_size: 32, patch_size: 16, hidden_size: 64, num_hidden_layers: 2 },
  ...{ num_attention_heads: 1, num_labels: 2 },
};
const REGNETY = { model_type: "regnety", num_labels: 2, embedding_size: 32, groups_width: 8 };

async function failure(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

const CASES: readonly [RegExp, object][] = [
  [/depth is 3000000, it must be a whole number from 1 to 1024/, { ...DEIT, num_hidden_layers: 3_000_000 }],
  [/dim is 1000000000000/, { ...DEIT, hidden_size: 1e12, num_attention_heads: 1 }],
  [/imageSize is 100000000/, { ...DEIT, image_size: 1e8 }],
  [/the number of patches is/, { ...DEIT, image_size: 2 ** 20, patch_size: 1 }],
  [/register tokens is 100000/, { ...DEIT, reg_tokens: 100_000 }],
  [
    /depth is 1000000000000000; allowed: at most 1000/,
    {
      ...{ ...REGNETY, w0: 24, wa: 36.44, wm: 2.49, group_w: 8, depth: 1e15 },
    },
  ],
  [/the number of blocks is 3000000/, { ...REGNETY, hidden_sizes: [24], depths: [3_000_000] }],
  [
    /the number of stages is 10000/,
    {
      ...{ ...REGNETY, hidden_sizes: Array(10_000).fill(24), depths: Array(10_000).fill(1) },
    },
  ],
];

for (const [expected, fields] of CASES)
  test(`${expected.source}: refused at once`, async () => {
    const path = join(folder, "config.json");
    writeFileSync(path, JSON.stringify(fields));
    const start = performance.now();
    const text = await failure(() => openStartingModel({ ...DEIT_SETTINGS, model: path }));
    assert.match(text, /^model\/config: /);
    assert.match(text, expected);
    assert.ok(performance.now() - start < 1000);
  });

test("parameters that do not fit are refused before they are drawn", async () => {
  const base = publishedConfig("deit_base_patch16_224");
  assert.ok(base);
  checkParameterMemory(base, 4 * 2 ** 30);
  const wide = { ...base, dim: 65_536, heads: 1024, mlpDim: 262_144 };
  const text = await failure(() => checkParameterMemory(wide, Number.POSITIVE_INFINITY));
  assert.match(text, /^graph\/memory: training this model.s 618,\d+,\d+,\d+ parameters takes/);
  assert.match(
    await failure(() => checkParameterMemory(base, 2 ** 30)),
    /GiB can be used: take a smaller model/,
  );
});

test.run();
