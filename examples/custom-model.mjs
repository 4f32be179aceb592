// A DeiT of your own size: writes its configuration and prints its parameters' size. Train it with
// npm run trainer -- --model OUT/config.json …: node examples/custom-model.mjs OUT cat dog …

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { completeConfig, writeConfigJson } from "vitrine/runtime";

const [out, ...labels] = process.argv.slice(2);
const config = completeConfig(
  { imageSize: 64, patchSize: 8, dim: 96, depth: 4, heads: 3, classes: labels.length, distilled: true },
  "custom-model.mjs",
);
await mkdir(out, { recursive: true });
await writeFile(join(out, "config.json"), writeConfigJson(config, labels));

const { dim, depth, mlpDim, imageSize, patchSize } = config;
const tokens = (imageSize / patchSize) ** 2 + 2;
const block = 4 * dim ** 2 + 2 * dim * mlpDim;
console.log(
  `${out}/config.json: ${tokens} tokens, about ${((depth * block) / 1e6).toFixed(1)} million weights in its blocks`,
);
