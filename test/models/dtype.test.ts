// Dtypes of a model: float16, bfloat16 and int8 files give the same answers as the flag, and int8 is refused without kernels for
// it.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { offeredFiles } from "../../client/browser/choose-weights.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import type { ModelSource } from "../../runtime/host/host.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import { loadModel } from "../../runtime/load-model.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { readModel } from "../../runtime/model-files/stored-model.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { int8Layers } from "../../runtime/models/deit/parameters.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import type { Runtime } from "../../runtime/runtime.js";
import { toDtype, type WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { randomPixels } from "../executors/micro-deit.js";
import { runCommand } from "../inference/run-command.js";
import { makeTinyModel, TINY } from "../inference/tiny-model.js";
import { assertClose, assertSameBits } from "../nn/compare.js";
import { syntheticPhoto, syntheticWeights } from "./synthetic-model.js";
import { LABELS, regnetySource, SYNTHETIC_REGNETY, syntheticRegnety } from "./synthetic-regnety.js";

const DTYPES: WeightDtype[] = ["float32", "float16", "bfloat16", "int8"];
const tiny = makeTinyModel();
const folder = mkdtempSync(join(tmpdir(), "vitrine-dtype-"));
const pixels = randomPixels(TINY, 3, 1);
test.after(() => {
  tiny.remove();
  rmSync(folder, { recursive: true });
});

async function converted(source: ModelSource, dtype: WeightDtype): Promise<ModelSource> {
  const files = convertModel(await readModel(source), dtype);
  return { name: dtype, location: `memory/${dtype}`, read: async (file) => files.get(file) ?? null };
}

async function logitsOf(runtime: Runtime, source: ModelSource, dtype?: WeightDtype): Promise<Float32Array> {
  const model = await loadModel(runtime, source, { batchSizes: [1, 2], ...(dtype && { dtype }) });
  const { logits } = await model.logits(pixels, 3);
  model.dispose();
  return logits;
}

async function refusal(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("a converted model gives the same bits as the original with the dtype flag", async () => {
  const runtime = await createRuntime({ host: nodeHost() });
  const original = nodeModelSource(tiny.folder);
  const float32 = await logitsOf(runtime, original);
  for (const dtype of DTYPES) {
    const expected = await logitsOf(runtime, original, dtype);
    const source = await converted(original, dtype);
    assertSameBits(await logitsOf(runtime, source), expected, `${dtype} as its file says`);
    assertSameBits(await logitsOf(runtime, source, dtype), expected, `${dtype} by its flag`);
    assertSameBits(await logitsOf(runtime, await converted(source, dtype)), expected, `${dtype} twice`);
    const allowed = { float32: 0, float16: 0.02, bfloat16: 0.1, int8: 0.2 }[dtype];
    assertClose(expected, float32, allowed, `${dtype} beside float32`);
    if (dtype !== "float32") assert.not.equal([...expected], [...float32], `${dtype} is float32`);
  }
  await runtime.dispose();
});

test("LayerScale is folded into int8 matrices as into floats", async () => {
  const runtime = await createRuntime({ host: nodeHost() });
  const config: DeitConfig = { ...TINY, distilled: false, layerScale: 1e-4, prefixPositions: false };
  const weights = syntheticWeights(config, 3);
  const logits = [];
  for (const dtype of ["float32", "int8"] as const) {
    const { matrices, weights: rest } = toDtype(weights, dtype, int8Layers(config));
    const inference = await createInference(runtime.executor, config, rest, { batchSizes: [3], matrices });
    logits.push((await inference.logits(pixels, 3)).logits);
    inference.dispose();
  }
  const [floats, int8] = logits as [Float32Array, Float32Array];
  assertClose(int8, floats, 0.01, "int8 beside float32");
  await runtime.dispose();
});

test("int8 gives the same bits on one, two and three threads", async () => {
  const results: Float32Array[] = [];
  for (const threads of [1, 2, 3]) {
    const runtime = await createRuntime({ host: nodeHost(), threads });
    results.push(await logitsOf(runtime, nodeModelSource(tiny.folder), "int8"));
    await runtime.dispose();
  }
  for (const result of results) assertSameBits(result, results[0] as Float32Array, "logits");
});

test("disposing of an int8 model frees its memory", async () => {
  const runtime = await createRuntime({ host: nodeHost() });
  const used = () => String(runtime.executor);
  await logitsOf(runtime, nodeModelSource(tiny.folder), "int8");
  const after = used();
  for (let i = 0; i < 3; i++) await logitsOf(runtime, nodeModelSource(tiny.folder), "int8");
  assert.is(used(), after);
  await runtime.dispose();
});

test("a device without int8 kernels refuses the flag, and widens an int8 file with a notice", async () => {
  const notices: string[] = [];
  const host = { ...nodeHost(), notice: (text: string) => void notices.push(text) };
  const runtime = await createRuntime({ host });
  const { executor } = runtime;
  const without = {
    ...runtime,
    executor: {
      device: "elsewhere",
      description: "",
      fusedMultiplyAdd: executor.fusedMultiplyAdd,
      capabilities: executor.capabilities,
      createStore: executor.createStore.bind(executor),
      compile: executor.compile.bind(executor),
      dispose: () => executor.dispose(),
    },
  };
  const source = nodeModelSource(tiny.folder);
  assert.match(
    await refusal(() => loadModel(without, source, { dtype: "int8" })),
    /^device\/int8: .*elsewhere.*--dtype f32/,
  );
  const int8 = await converted(source, "int8");
  const widened = await logitsOf(without, int8);
  assert.is(notices.length, 1);
  assertSameBits(widened, await logitsOf(runtime, int8, "float32"), "widened");
  await runtime.dispose();
});

test("a RegNetY converts to float16 at half the size, and is refused as int8", async () => {
  const config = writeConfigJson(SYNTHETIC_REGNETY, LABELS);
  const source = regnetySource("made", syntheticRegnety(SYNTHETIC_REGNETY), config);
  const image = pixels.subarray(0, 32 * 32 * 3);
  const runtime = await createRuntime({ host: nodeHost() });
  const half = await loadModel(runtime, await converted(source, "float16"), { batchSizes: [1] });
  const whole = await loadModel(runtime, source, { batchSizes: [1] });
  const [a, b] = [await half.logits(image, 1), await whole.logits(image, 1)];
  assertClose(a.logits, b.logits, 0.02, "float16 beside float32");
  assert.match(
    await refusal(() => loadModel(runtime, source, { dtype: "int8" })),
    /^model\/dtype: .*a RegNetY has no int8 layers; allowed: f32, f16/,
  );
  assert.match(await refusal(() => converted(source, "int8")), /^model\/dtype: /);
  await runtime.dispose();
});

async function vitrine(...args: string[]): Promise<{ status: number | string; out: string; errors: string }> {
  const command = runCommand(...args);
  const status = await command.ended;
  return { status, out: command.output().stdout, errors: command.output().stderr };
}

test("convert writes a folder of half or about a quarter of the size once, and classify accepts it", async () => {
  const photo = join(folder, "photo.jpg");
  writeFileSync(photo, syntheticPhoto(1));
  const bytesOf = (path: string) => statSync(join(path, "model.safetensors")).size;
  const whole = bytesOf(tiny.folder);
  for (const [dtype, most] of [
    ["f16", 0.56],
    ["int8", 0.4],
  ] as const) {
    const out = join(folder, "inside", dtype);
    const convert = ["convert", "--model", tiny.folder, "--dtype", dtype, "--out", out];
    const first = await vitrine(...convert);
    assert.is(first.status, 0, first.errors);
    assert.equal(readdirSync(join(folder, "inside")).includes(dtype), true);
    assert.equal(readdirSync(out).sort(), ["config.json", "model.safetensors"]);
    assert.ok(bytesOf(out) < most * whole, `${bytesOf(out)} of ${whole} bytes`);
    const fields = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    assert.is(fields.torch_dtype, dtype === "f16" ? "float16" : "int8");
    const again = await vitrine(...convert);
    assert.is(again.status, 1);
    assert.match(again.errors, /^vitrine: file\/exists: .*--force .*\n$/);
    assert.is((await vitrine(...convert, "--force")).status, 0);

    const classes = async (...args: string[]) => {
      const { status, out, errors } = await vitrine("classify", photo, "--json", ...args);
      assert.is(status, 0, errors);
      return JSON.parse(out)[0].classes;
    };
    const flagged = await classes("--model", tiny.folder, "--dtype", dtype);
    assert.equal(await classes("--model", out), flagged);
  }
});

test("convert --also writes the weights in further formats, and config.json says which, how long and with what checksum", async () => {
  const out = join(folder, "offered");
  const flags = ["--model", tiny.folder, "--dtype", "f32", "--also", "f16,int8", "--out", out];
  const { status, errors } = await vitrine("convert", ...flags);
  assert.is(status, 0, errors);
  const offered = offeredFiles(readFileSync(join(out, "config.json"), "utf8"));
  assert.equal(
    offered.map(({ dtype, file }) => [dtype, file]),
    [
      ["float32", "model.safetensors"],
      ["float16", "model.float16.safetensors"],
      ["int8", "model.int8.safetensors"],
    ],
  );
  for (const { dtype, file, bytes, sha256 } of offered) {
    const found = readFileSync(join(out, file));
    assert.is(found.length, bytes);
    assert.is(createHash("sha256").update(found).digest("hex"), sha256);
    const alone = await converted(nodeModelSource(tiny.folder), dtype as WeightDtype);
    assert.ok(found.equals((await alone.read("model.safetensors")) as Uint8Array), dtype);
  }
});

test("invalid dtypes and targets give one line and status 1", async () => {
  const file = join(folder, "a-file");
  writeFileSync(file, "");
  for (const [args, line] of [
    [
      ["classify", file, "--model", tiny.folder, "--dtype", "int4"],
      /usage\/dtype: --dtype got "int4"; allowed: f32, f16, bf16, int8/,
    ],
    [
      ["convert", "--model", tiny.folder, "--dtype", "f32", "--also", "bf16", "--out", join(folder, "x")],
      /usage\/dtype: --also got "bf16"; allowed: f32, f16, int8/,
    ],
    [["convert", "--model", tiny.folder, "--out", join(folder, "x")], /usage\/command-line: .*--dtype/],
    [["convert", "--model", tiny.folder, "--dtype", "f16", "--out", file], /file\/exists: .*is a file/],
  ] as [string[], RegExp][]) {
    const { status, errors } = await vitrine(...args);
    assert.is(status, 1);
    assert.match(errors, line);
    assert.is(errors.trimEnd().split("\n").length, 1);
  }
});

test.run();
