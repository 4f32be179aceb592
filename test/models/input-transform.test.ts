// Input transform: what a model's files ask for is what classification and validation compute.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { resize } from "../../runtime/image/resize.js";
import { loadModel } from "../../runtime/load-model.js";
import { exportModel } from "../../runtime/model-files/export.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import { inputTransform, normalizationTable } from "../../runtime/models/config.js";
import { storedFloats, writeSafetensors } from "../../runtime/weights/safetensors.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { SYNTHETIC, syntheticPhoto, syntheticWeights } from "./synthetic-model.js";

const folder = mkdtempSync(join(tmpdir(), "vitrine-input-"));
test.after(() => rmSync(folder, { recursive: true }));

const PROCESSOR = {
  ...{ image_processor_type: "ViTImageProcessor", size: { height: 32, width: 32 }, resample: 2 },
  ...{ image_mean: [0.5, 0.4, 0.3], image_std: [0.5, 0.25, 0.2], do_rescale: true, rescale_factor: 1 / 255 },
};

/** A folder as transformers saves it, without fields of our own. */
function huggingFaceFolder(name: string, processor: object): string {
  const model = join(folder, name);
  mkdirSync(model);
  const config = { ...SYNTHETIC, distilled: false };
  const fields = { model_type: "vit", image_size: 32, patch_size: 8, num_labels: 4, intermediate_size: 64 };
  writeFileSync(join(model, "model.safetensors"), writeSafetensors(storedFloats(syntheticWeights(config))));
  writeFileSync(
    join(model, "config.json"),
    JSON.stringify({ ...fields, hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 1 }),
  );
  writeFileSync(join(model, "preprocessor_config.json"), JSON.stringify(processor));
  return model;
}

/** A folder of timm, whose pictures get a border of its mean color. */
function borderedFolder(): string {
  const model = join(folder, "border");
  mkdirSync(model);
  const config = { ...SYNTHETIC, distilled: false };
  writeFileSync(join(model, "model.safetensors"), writeSafetensors(storedFloats(syntheticWeights(config))));
  const own = { img_size: 32, patch_size: 8, embed_dim: 64, depth: 1, num_heads: 1, mlp_ratio: 1 };
  const cfg = { input_size: [3, 32, 32], crop_pct: 1, crop_mode: "border", mean: [0.5, 0.4, 0.3] };
  const fields = { architecture: "vit_base_patch16_224", num_classes: 4, model_args: own };
  writeFileSync(
    join(model, "config.json"),
    JSON.stringify({ ...fields, pretrained_cfg: { ...cfg, std: [0.5, 0.25, 0.2] } }),
  );
  return model;
}

test("timm's crop_mode border has a border of the mean color, the same for classification and validation", async () => {
  const model = await readModel(nodeModelSource(borderedFolder()));
  // round(255·0.5) is 128: halves go to the even number.
  assert.equal(inputTransform(model.config).borderColor, [128, 102, 76]);
  const data = join(folder, "bordered");
  for (const name of ["ant", "bee"]) mkdirSync(join(data, name), { recursive: true });
  const photo = syntheticPhoto(3, 96, 48);
  writeFileSync(join(data, "ant", "a.jpg"), photo);
  const runtime = await createRuntime({ host: nodeHost() });
  const loaded = await loadModel(runtime, model, { batchSizes: [1] });
  const { data: inner } = resize(runtime.image, decode(runtime.image, photo), { width: 32, height: 16 });
  const expected = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => [128, 102, 76][i % 3]);
  expected.set(inner, 8 * 32 * 3);
  assert.equal(await loaded.readPicture(photo), expected);
  const input = inputTransform(model.config);
  const source = await openEvaluation({
    ...{ path: data, ...input, batchSize: 1, workers: 1, badSamples: "fail" },
  });
  for await (const { pixels } of source.batches()) assert.equal(Uint8Array.from(pixels), expected);
  await source.close();
  loaded.dispose();
  await runtime.dispose();
  const { content } = exportModel(model, "timm", "float32");
  const config = JSON.parse(
    new TextDecoder().decode((content as Map<string, Uint8Array>).get("config.json")),
  );
  assert.is(config.pretrained_cfg.crop_mode, "border");
  assert.throws(() => exportModel(model, "hf", "float32"), /crop_mode border cannot be exported as hf/);
});

test("a squashed, bilinear input is the same for classification and validation", async () => {
  const model = await readModel(nodeModelSource(huggingFaceFolder("squash", PROCESSOR)));
  const data = join(folder, "data");
  for (const name of ["ant", "bee"]) mkdirSync(join(data, name), { recursive: true });
  const photo = syntheticPhoto(3, 90, 41);
  writeFileSync(join(data, "ant", "a.jpg"), photo);
  const runtime = await createRuntime({ host: nodeHost() });
  const loaded = await loadModel(runtime, model, { batchSizes: [1] });
  const { data: expected } = resize(runtime.image, decode(runtime.image, photo), {
    ...{ width: 32, height: 32, filter: "bilinear" },
  });
  assert.equal(await loaded.readPicture(photo), expected);
  const source = await openEvaluation({
    ...{ path: data, ...inputTransform(model.config), batchSize: 1, workers: 0, badSamples: "fail" },
  });
  for await (const { pixels } of source.batches()) assert.equal(Uint8Array.from(pixels), expected);
  await source.close();
  loaded.dispose();
  await runtime.dispose();
});

test("values that are not rescaled are normalized as they are", async () => {
  const unscaled = { ...PROCESSOR, do_rescale: false, image_mean: [100, 90, 80], image_std: [50, 60, 70] };
  const { config } = await readModel(nodeModelSource(huggingFaceFolder("unscaled", unscaled)));
  const table = normalizationTable(config);
  for (const byte of [0, 77, 255])
    assert.ok(Math.abs(table[256 + byte] - (byte - 90) / 60) < 1e-6, `byte ${byte}`);
});

test("an input of another side than the model's is refused", async () => {
  const source = nodeModelSource(
    huggingFaceFolder("other", { ...PROCESSOR, size: { height: 48, width: 48 } }),
  );
  try {
    await readModel(source);
    assert.unreachable();
  } catch (error) {
    assert.ok(isVitrineError(error) && error.code === "model/config", String(error));
    assert.match(error.message, /preprocessor_config.json: the side of its input is 48; allowed: 32/);
  }
});

test.run();
