// Forward: the executor's logits equal the reference implementation's for sizes that no vector width divides.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { completeConfig } from "../../runtime/models/deit/config.js";
import { plainForward } from "./reference-forward.js";
import { syntheticWeights } from "./synthetic-model.js";

const SIZES: Partial<DeitConfig>[] = [
  { imageSize: 12, patchSize: 4, dim: 20, depth: 2, heads: 5, mlpDim: 33, classes: 7, distilled: true },
  { imageSize: 15, patchSize: 5, dim: 21, depth: 1, heads: 3, mlpDim: 5, classes: 3, distilled: false },
  { imageSize: 6, patchSize: 6, dim: 7, depth: 1, heads: 7, mlpDim: 1, classes: 1, distilled: true },
  { imageSize: 24, patchSize: 3, dim: 36, depth: 2, heads: 2, mlpDim: 50, classes: 11, distilled: false },
  { imageSize: 4, patchSize: 1, dim: 10, depth: 1, heads: 1, mlpDim: 130, classes: 65, distilled: true },
];

const SMALL = {
  ...{ imageSize: 12, patchSize: 4, dim: 20, depth: 2, heads: 5, mlpDim: 33, classes: 7 },
};

/** What DeiT III and timm's ViT have that a DeiT has not. */
const PARTS: Readonly<Record<string, Partial<DeitConfig>>> = {
  LayerScale: { layerScale: 1e-4 },
  "DeiT III": { layerScale: 1e-4, prefixPositions: false },
  "two registers": { registers: 2 },
  "registers without positions": { registers: 3, prefixPositions: false },
  "no biases of queries, keys and values": { qkvBias: false },
  "averaged patches with fc_norm": { pool: "avg" },
  "averaged patches after the norm": { pool: "avg", poolNorm: false },
  "no class token": { classToken: false, pool: "avg", registers: 1, prefixPositions: false },
};

const textOf = ({ imageSize, patchSize, dim, heads, mlpDim, classes }: Partial<DeitConfig>): string =>
  `image ${imageSize}, patch ${patchSize}, width ${dim}, ${heads} heads, MLP ${mlpDim}, ${classes} classes`;

const MODELS: [string, Partial<DeitConfig>][] = [
  ...SIZES.map((sizes): [string, Partial<DeitConfig>] => [textOf(sizes), sizes]),
  ...Object.entries(PARTS).map(([name, parts]): [string, Partial<DeitConfig>] => [
    name,
    { ...SMALL, ...parts },
  ]),
];

for (const [name, sizes] of MODELS)
  test(`${name}: logits of both heads, in batches of any size`, async () => {
    const config = completeConfig({ ...sizes, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] }, "test");
    const weights = syntheticWeights(config, 5);
    const runtime = await createRuntime({ host: nodeHost() });
    const inference = await createInference(runtime.executor, config, weights, { batchSizes: [1, 3] });
    const imageBytes = config.imageSize ** 2 * 3;
    const pixels = Uint8Array.from({ length: 5 * imageBytes }, (_, i) => (i * 7919 + (i >> 3) * 31) % 256);
    const { classLogits, distillationLogits, logits } = await inference.logits(pixels, 5);
    for (let image = 0; image < 5; image++) {
      const wanted = plainForward(
        config,
        weights,
        pixels.subarray(image * imageBytes, (image + 1) * imageBytes),
      );
      const got = [classLogits, distillationLogits].slice(0, wanted.length);
      for (let k = 0; k < config.classes; k++) {
        const place = image * config.classes + k;
        const mean = wanted.reduce((sum, head) => sum + head[k]!, 0) / wanted.length;
        assert.ok(Math.abs(logits[place]! - mean) < 1e-5, `mean of image ${image}, class ${k}`);
        for (const [head, values] of got.entries())
          assert.ok(Math.abs(values![place]! - wanted[head]![k]!) < 1e-5, `head ${head} of image ${image}`);
      }
    }
    inference.dispose();
    await runtime.dispose();
  });

test.run();
