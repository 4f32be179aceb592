// Model limits: a config.json that asks for more than any model has is refused before time or memory is spent on it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { publishedConfig } from "../../runtime/models/families.js";
import { checkParameterMemory } from "../../trainer/core/first-weights.js";
import { DEIT_SETTINGS } from "../../trainer/core/settings.js";
import { openStartingModel } from "../../trainer/starting-model.js";

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

const DESIGN = { ...REGNETY, w0: 24, wa: 36.44, wm: 2.49, depth: 13 };
const STAGED = { ...REGNETY, hidden_sizes: [8, 16], depths: [1, 1] };

const CASES: readonly [RegExp, object][] = [
  [
    /num_hidden_layers is 3000000; allowed: a whole number from 1 to 1024/,
    { ...DEIT, num_hidden_layers: 3e6 },
  ],
  [/hidden_size is 1000000000000/, { ...DEIT, hidden_size: 1e12, num_attention_heads: 1 }],
  [
    /hidden_size is 64; allowed: a multiple of num_attention_heads, which is 5/,
    { ...DEIT, num_attention_heads: 5 },
  ],
  [/image_size is 100000000/, { ...DEIT, image_size: 1e8 }],
  [/the number of patches is/, { ...DEIT, image_size: 2 ** 20, patch_size: 1 }],
  [/reg_tokens is 100000/, { ...DEIT, reg_tokens: 100_000 }],
  [/layer_norm_eps is 1e\+300; allowed: a number from 1e-15 to 1/, { ...DEIT, layer_norm_eps: 1e300 }],
  [/layer_norm_eps is 1e-300/, { ...DEIT, layer_norm_eps: 1e-300 }],
  [/init_values is 1e\+308; allowed: a number from 1e-12 to 100/, { ...DEIT, init_values: 1e308 }],
  [/initializer_range is 1e-300; allowed: a number from 1e-12 to 1/, { ...DEIT, initializer_range: 1e-300 }],
  [/initializer_range is 0; allowed: a number above 0/, { ...DEIT, initializer_range: 0 }],
  [
    /model_args.mlp_ratio is 1000000000000; allowed: above 0 and at most 1024/,
    { ...DEIT, intermediate_size: 128, model_args: { mlp_ratio: 1e12 } },
  ],
  [/model_args.mlp_ratio is -1;/, { ...DEIT, model_args: { mlp_ratio: -1 } }],
  [
    /model_args.mlp_ratio is 0.001; allowed: at least 0.015625/,
    { ...DEIT, model_args: { mlp_ratio: 0.001 } },
  ],
  [
    /intermediate_size is 128; allowed: 192, which/,
    { ...DEIT, intermediate_size: 128, model_args: { mlp_ratio: 3 } },
  ],
  [/hidden_size is 64; allowed: 96, which model_args ask for/, { ...DEIT, model_args: { embed_dim: 96 } }],
  [
    /the name of class 1 is 3,000,000 characters long .*; allowed: 1000/,
    { ...DEIT, id2label: { 0: "a", 1: "b".repeat(3e6) } },
  ],
  [/depth is 1000000000000000; allowed: at most 1000/, { ...DESIGN, depth: 1e15 }],
  [/group_w is 1000000000; allowed: a whole number from 1 to/, { ...DESIGN, group_w: 1e9 }],
  [/group_w is 0; allowed: a number above 0/, { ...DESIGN, group_w: 0 }],
  [/w0 is 1.5; allowed: a multiple of 8/, { ...DESIGN, w0: 1.5 }],
  [/w0 is -8; allowed: a number above 0/, { ...DESIGN, w0: -8 }],
  [/wa is 1e\+300; allowed: at most/, { ...DESIGN, wa: 1e300 }],
  [/wm is 1; allowed: a number from 1.001/, { ...DESIGN, wm: 1 }],
  [/depths\[0\] is 3000000; allowed: a whole number from 1 to 1000/, { ...STAGED, depths: [3e6, 1] }],
  [/the number of blocks is 1600; allowed: at most 1000/, { ...STAGED, depths: [800, 800] }],
  [/hidden_sizes\[1\] is 1000000000/, { ...STAGED, hidden_sizes: [8, 1e9] }],
  [/hidden_sizes\[1\] is 20; allowed: a multiple of the group width 8/, { ...STAGED, hidden_sizes: [8, 20] }],
  [
    /hidden_sizes is \[8,-16\]; allowed: a list of whole numbers above 0/,
    { ...STAGED, hidden_sizes: [8, -16] },
  ],
  [/depths is \[0.5,1\]; allowed: a list of whole numbers above 0/, { ...STAGED, depths: [0.5, 1] }],
  [/depths is \[1\]; allowed: 2 numbers/, { ...STAGED, depths: [1] }],
  [/depths is absent; allowed: a list as long/, { ...STAGED, depths: undefined }],
  [/groups_width is 2.5; allowed: a whole number/, { ...STAGED, groups_width: 2.5 }],
  [/embedding_size is 1000000000/, { ...STAGED, embedding_size: 1e9 }],
  [/se_ratio is 0.001; allowed: above 0.015625 for 32 channels/, { ...STAGED, se_ratio: 0.001 }],
  [/se_ratio is 1000; allowed: above 0 and at most 1/, { ...STAGED, se_ratio: 1000 }],
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
    assert.match(text, /^model\/config: .*config\.json: /, "it names the file");
    assert.match(text, expected);
    assert.ok(performance.now() - start < 1000);
  });

test("parameters that do not fit are refused before they are drawn", async () => {
  const base = publishedConfig("deit_base_patch16_224");
  assert.ok(base);
  checkParameterMemory(base, 4 * 2 ** 30, "adamw");
  // 86.6 million parameters: three arrays of them fit, four do not.
  const limit = 14 * 86_567_656;
  checkParameterMemory(base, limit, "sgd");
  assert.match(await failure(() => checkParameterMemory(base, limit, "adamw")), /^graph\/memory/);
  const wide = { ...base, dim: 65_536, heads: 1024, mlpDim: 262_144 };
  const text = await failure(() => checkParameterMemory(wide, Number.POSITIVE_INFINITY, "adamw"));
  assert.match(text, /^graph\/memory: training this model.s 618,\d+,\d+,\d+ parameters takes/);
  assert.match(
    await failure(() => checkParameterMemory(base, 2 ** 30, "adamw")),
    /GiB can be used: take a smaller model/,
  );
});

test.run();
