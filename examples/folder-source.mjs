// A data loader of your own: a BatchSource over a folder of JPEG files, one subfolder for each class. connectData of
// vitrine/client returns the same interface for a data server, so a training loop can take either.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createImageModule,
  createOrder,
  DEIT_RECIPE,
  drawSample,
  readHeader,
  sampleAt,
  trainingInput,
} from "vitrine/image";
import { nodeHost } from "vitrine/runtime";

/** Every batch is a function of (seed, epoch, batch) alone, so that a run can be resumed at any cursor. */
export async function openFolder(folder, { size, batchSize, seed = 0 }) {
  const module = await createImageModule(nodeHost());
  const recipe = { ...DEIT_RECIPE, size };
  const classes = (await readdir(folder)).sort();
  const files = [];
  for (const [label, name] of classes.entries())
    for (const file of (await readdir(join(folder, name))).sort())
      files.push({ path: join(folder, name, file), label });
  const order = createOrder(module.math, { fingerprint: folder, samples: files.length, seed, repeats: 1 });
  const batchesPerEpoch = Math.floor(files.length / batchSize);

  async function batchAt({ epoch, batch }) {
    const pixels = new Uint8Array(batchSize * size * size * 3);
    const labels = new Int32Array(batchSize);
    for (let i = 0; i < batchSize; i++) {
      const { index, repeat } = sampleAt(order, epoch, batch * batchSize + i);
      const jpeg = await readFile(files[index].path);
      const draw = drawSample(module.math, { seed, epoch, index, repeat }, readHeader(module, jpeg), recipe);
      const into = pixels.subarray(i * size * size * 3, (i + 1) * size * size * 3);
      trainingInput(module, jpeg, draw, { size, into });
      labels[i] = files[index].label;
    }
    // Nothing is mixed and nothing is skipped: every image is its own partner, with λ = 1 and weight 1.
    const lambdas = new Float64Array(batchSize).fill(1);
    const weights = new Float32Array(batchSize).fill(1);
    const batchOf = { cursor: { epoch, batch }, count: batchSize, size, waitSeconds: 0 };
    return { ...batchOf, pixels, labels, partnerLabels: labels, lambdas, weights };
  }

  return {
    description: { fingerprint: folder, samples: files.length, classes, instance: String(process.pid) },
    batchesPerEpoch,
    async *batches({ epoch, batch }) {
      for (; ; epoch++, batch = 0)
        for (; batch < batchesPerEpoch; batch++) yield await batchAt({ epoch, batch });
    },
    async close() {},
  };
}
