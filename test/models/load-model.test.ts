// Load model: from files to names and probabilities, with synthetic models and photographs.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { ModelSource } from "../../runtime/host/host.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { completeConfig } from "../../runtime/models/deit/config.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { SYNTHETIC, syntheticPhoto, syntheticWeights, writeModelFolder } from "./synthetic-model.js";

const LABELS = ["ant", "bee", "cat", "dog"];
const folder = mkdtempSync(join(tmpdir(), "vitrine-model-"));
test.after(() => rmSync(folder, { recursive: true }));

/** A model whose files are in memory. */
function sourceOf(name: string, weights: TensorMap, config?: string): ModelSource {
  const model = writeSafetensors(storedFloats(weights));
  const read = async (file: string) => {
    if (file === "model.safetensors") return model;
    return config === undefined ? null : new TextEncoder().encode(config);
  };
  return { name, location: `memory/${name}`, read };
}

async function messageOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("a folder's model returns its labels, best first, in the order of its logits", async () => {
  writeModelFolder(join(folder, "made"), SYNTHETIC, syntheticWeights(SYNTHETIC), LABELS);
  const runtime = await createRuntime({ host: nodeHost() });
  const model = await loadModel(runtime, nodeModelSource(join(folder, "made")), { batchSizes: [2] });
  const photos = [1, 2, 3].map((seed) => syntheticPhoto(seed));
  const answers = await model.classify(photos, { topK: 4 });
  assert.is(model.name, "made");
  assert.is(answers.length, 3);
  for (const [place, answer] of answers.entries()) {
    const { logits, classLogits, distillationLogits } = await model.logits(
      await model.readPicture(photos[place]!),
      1,
    );
    const powers = logits.map(Math.exp);
    const sum = powers.reduce((a, b) => a + b, 0);
    assert.equal(answer.map(({ label }) => label).sort(), LABELS);
    for (const [rank, { index, label, probability }] of answer.entries()) {
      assert.is(label, LABELS[index]);
      assert.ok(Math.abs(probability - powers[index]! / sum) < 1e-5);
      assert.ok(rank === 0 || probability <= answer[rank - 1]!.probability);
      assert.ok(Math.abs(logits[index]! - (classLogits[index]! + distillationLogits![index]!) / 2) < 1e-5);
    }
  }
  assert.is.not(answers[0]![0]!.probability, answers[1]![0]!.probability);
  assert.is((await model.classify(photos, { topK: 2 }))[2]!.length, 2);
  model.dispose();
  await runtime.dispose();
});

test("the sizes of a bare file follow from its shapes, with head dimension 64", async () => {
  const { config, labels } = await readModel(sourceOf("any-name", syntheticWeights(SYNTHETIC)));
  assert.equal(config, SYNTHETIC);
  assert.equal(labels, ["class 0", "class 1", "class 2", "class 3"]);
});

test("a file whose width is not a multiple of 64 asks for the number of heads", async () => {
  const narrow = { ...SYNTHETIC, dim: 48, heads: 3 };
  const message = await messageOf(() => readModel(sourceOf("narrow", syntheticWeights(narrow))));
  assert.match(
    message,
    /model\/config: memory\/narrow: num_attention_heads is missing: width 48 is not a multiple .* config.json/,
  );
  const given = sourceOf("narrow", syntheticWeights(narrow), '{"num_attention_heads": 3}');
  assert.equal((await readModel(given)).config, narrow);
});

test("a timm name in the file name determines the sizes, and a tensor that does not fit is named", async () => {
  const source = sourceOf(
    "deit_tiny_patch16_224-a1311bcf",
    syntheticWeights({ ...SYNTHETIC, distilled: false }),
  );
  assert.match(
    await messageOf(() => readModel(source)),
    /tensor "cls_token" has shape \[1, 1, 64\], expected \[1, 1, 192\]/,
  );
});

test("a config.json of other sizes is refused, naming tensor, got and expected", async () => {
  const config = writeConfigJson({ ...SYNTHETIC, imageSize: 64 }, LABELS);
  const message = await messageOf(() => readModel(sourceOf("big", syntheticWeights(SYNTHETIC), config)));
  assert.match(
    message,
    /weights\/shape: memory\/big: tensor "pos_embed" has shape \[1, 18, 64\], expected \[1, 66, 64\]/,
  );
});

test("1,000 classes without labels get ImageNet's names", async () => {
  const thousand = completeConfig({ ...SYNTHETIC, classes: 1000 }, "test");
  const { labels } = await readModel(sourceOf("imagenet", syntheticWeights(thousand)));
  assert.equal([labels[0], labels[999]], ["tench", "toilet tissue"]);
});

test("a path becomes a source: folder, weights inside one, bare file; any other is refused with what is accepted", async () => {
  const made = join(folder, "paths", "made");
  writeModelFolder(made, SYNTHETIC, syntheticWeights(SYNTHETIC), LABELS);
  const ema = writeSafetensors(storedFloats(syntheticWeights(SYNTHETIC, 7)));
  writeFileSync(join(made, "ema.safetensors"), ema);
  writeFileSync(join(folder, "bare.safetensors"), ema);
  writeFileSync(join(folder, "old.txt"), "");
  const average = nodeModelSource(join(made, "ema.safetensors"));
  assert.is(average.name, "made");
  assert.equal(await average.read("model.safetensors"), ema);
  assert.equal((await readModel(average)).labels, LABELS);
  const bare = nodeModelSource(join(folder, "bare.safetensors"));
  assert.is(bare.name, "bare");
  assert.is(await bare.read("config.json"), null);
  const cases: [string, RegExp][] = [
    [join(folder, "nothing"), /file\/not-found: .*no such file or folder; a model is a folder with/],
    [join(folder, "paths"), /model\/no-model: .*no model.safetensors in this folder; a model is/],
    [join(folder, "old.txt"), /model\/unknown-file: .*no weight file; a model is/],
  ];
  for (const [path, expected] of cases) assert.match(await messageOf(() => nodeModelSource(path)), expected);
  writeModelFolder(join(folder, "run", "best"), SYNTHETIC, syntheticWeights(SYNTHETIC), LABELS);
  assert.match(await messageOf(() => nodeModelSource(join(folder, "run"))), /did you mean .*best\?/);
});

test("auto reports its choice and why; an unknown device is refused with the list of devices", async () => {
  const host = { ...nodeHost(), mayHaveGpu: () => false };
  const runtime = await createRuntime({ host, device: "auto" });
  assert.is(runtime.executor.device, "wasm");
  assert.match(runtime.description, /^wasm: .* \(auto: no GPU was found\)$/);
  await runtime.dispose();
  const start = (device: string) => messageOf(() => createRuntime({ host, device }));
  assert.match(
    await start("cuda"),
    /device\/unknown: no device "cuda"; allowed: auto, wasm, webgpu, webgpu:ADAPTER, tfjs:cpu, tfjs:webgpu/,
  );
  assert.match(
    await messageOf(() => createRuntime({ host, threads: 0 })),
    /threads is 0; allowed: auto, or 1/,
  );
});

test.run();
