// vitrine serve: results over gRPC equal those of the runtime in this process, and the command starts and stops
// cleanly.

import pngjs from "pngjs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectInference, type InferenceClient } from "../../client/node/inference-client.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import type { Runtime } from "../../runtime/runtime.js";
import { addressOf, type RunningCommand, runCommand } from "./run-command.js";
import { drawWaves, makeTinyModel, SLOW, TINY, TINY_LABELS, wavesJpeg } from "./tiny-model.js";

const tiny = makeTinyModel();
const IMAGE_BYTES = TINY.imageSize ** 2 * 3;
let server: RunningCommand;
let address: string;
let client: InferenceClient;
let runtime: Runtime;
let model: Model;

test.before(async () => {
  runtime = await createRuntime({ host: nodeHost() });
  model = await loadModel(runtime, nodeModelSource(tiny.folder));
  server = runCommand("serve", "--model", tiny.folder, "--listen", "127.0.0.1:0");
  address = await addressOf(server);
  client = connectInference(address);
});

/** Processes of single tests: those that a failed test leaves running are killed at the end of the file. */
const leftovers: RunningCommand[] = [];

test.after(async () => {
  client.close();
  for (const { child } of [server, ...leftovers]) child.kill("SIGKILL");
  model.dispose();
  await runtime.dispose();
  tiny.remove();
});

test("JPEG files: every output equals the runtime's own, bit for bit", async () => {
  const files = [0, 1, 2].map((seed) => wavesJpeg(seed));
  const pixels = new Uint8Array(3 * IMAGE_BYTES);
  for (const [place, file] of files.entries()) pixels.set(await model.readPicture(file), place * IMAGE_BYTES);
  const here = await model.logits(pixels, 3);
  const image = { name: "image", datatype: "BYTES", shape: [3], data: files } as const;
  const names = ["logits", "class_logits", "distillation_logits"];
  const outputs = await client.infer([{ ...image, shape: [3], data: [...files] }], { outputs: names });
  assert.equal(outputs.get("logits")?.data, here.logits);
  assert.equal(outputs.get("class_logits")?.data, here.classLogits);
  assert.equal(outputs.get("distillation_logits")?.data, here.distillationLogits);
  assert.not.equal(here.logits.slice(0, 5), here.logits.slice(5, 10), "the model tells the pictures apart");
});

test("pixels: 40 images in one request, spread over batches, keep their order", async () => {
  const pixels = Uint8Array.from({ length: 40 * IMAGE_BYTES }, (_, place) => (place * place) % 251);
  const here = await model.logits(pixels, 40);
  const outputs = await client.infer(
    [{ name: "pixels", datatype: "UINT8", shape: [40, 32, 32, 3], data: pixels }],
    { outputs: ["logits"] },
  );
  assert.equal([...outputs.keys()], ["logits"]);
  assert.equal(outputs.get("logits")?.data, here.logits);
});

test("a PNG file is classified by its pixels", async () => {
  const [width, height] = [50, 70];
  const rgba = drawWaves(4, width, height);
  const png = new pngjs.PNG({ width, height });
  rgba.copy(png.data);
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, at) => rgba[Math.floor(at / 3) * 4 + (at % 3)]!,
  );
  const { imageSize: size, cropRatio } = TINY;
  const input = evaluationInputOfPixels(runtime.image, { width, height, data }, { size, cropRatio });
  const here = await model.logits(input, 1);
  const image = { name: "image", datatype: "BYTES" as const, shape: [1], data: [pngjs.PNG.sync.write(png)] };
  assert.equal((await client.infer([image])).get("logits")?.data, here.logits);
});

test("labels and probabilities are the model's", async () => {
  const files = [3, 4].map((seed) => wavesJpeg(seed));
  assert.equal((await client.metadata()).labels, TINY_LABELS);
  assert.is((await client.metadata()).name, "tiny");
  assert.equal(await client.classify(files, { topK: 3 }), await model.classify(files, { topK: 3 }));
});

const HOSTILE: [claim: string, file: Uint8Array, code: string][] = [
  ["an empty file", new Uint8Array(0), "image/unknown-format"],
  ["a text", Buffer.from("no picture at all"), "image/unknown-format"],
  ["half a JPEG", wavesJpeg(1).subarray(0, 700), "jpeg/truncated"],
  ["the head of a PNG", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"), "image/truncated"],
  [
    "a PNG that claims 4 gigapixels",
    Buffer.from("89504e470d0a1a0a0000000d494844520000ffff0000ffff080200000039674e070000000049444154", "hex"),
    "image/too-large",
  ],
];

for (const [claim, file, code] of HOSTILE) {
  test(`${claim} is refused as ${code}, and the server keeps serving`, async () => {
    let got = "nothing was refused";
    await client.classify([wavesJpeg(1), file]).catch((error) => {
      got = error.code;
      assert.match(error.message, /element 1/);
    });
    assert.is(got, code);
    assert.is((await client.classify([wavesJpeg(1)])).length, 1);
  });
}

test("SIGTERM: running requests are answered in full, then the process exits with status 0", async () => {
  const slow = makeTinyModel(SLOW);
  const own = runCommand("serve", "--model", slow.folder, "--listen", "127.0.0.1:0", "--name", "other");
  const ownClient = connectInference(await addressOf(own));
  leftovers.push(own);
  assert.is((await ownClient.metadata()).name, "other");
  // Seconds of work in a megabyte: the request is still running on the server when the signal arrives.
  const count = 200;
  const pixels = new Uint8Array(count * IMAGE_BYTES).fill(90);
  const running = ownClient.infer(
    [{ name: "pixels", datatype: "UINT8", shape: [count, 32, 32, 3], data: pixels }],
    { outputs: ["logits"] },
  );
  let answered = false;
  void running.then(
    () => (answered = true),
    () => {},
  );
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.is(answered, false, "the request still runs when the signal arrives");
  own.child.kill("SIGTERM");
  assert.equal((await running).get("logits")?.shape, [count, 5]);
  assert.is(await own.ended, 0);
  ownClient.close();
  slow.remove();
});

const FAILING: [claim: string, args: () => string[], line: RegExp][] = [
  ["a port in use", () => ["--model", tiny.folder, "--listen", address], /network\/address-in-use.*--listen/],
  ["a model that does not exist", () => ["--model", `${tiny.folder}-not`], /file\/not-found.*-not/],
  ["an address that is none", () => ["--model", tiny.folder, "--listen", "8001"], /usage\/address.*"8001"/],
  ["a device that is none", () => ["--model", tiny.folder, "--device", "abacus"], /device\/unknown.*abacus/],
  ["a batch of none", () => ["--model", tiny.folder, "--max-batch", "0"], /usage\/number.*--max-batch/],
  ["no model", () => [], /--model/],
];

for (const [claim, args, line] of FAILING) {
  test(`${claim}: one line, status 1`, async () => {
    const command = runCommand("serve", ...args());
    assert.is(await command.ended, 1);
    const { stdout, stderr } = command.output();
    assert.is(stdout, "");
    assert.match(stderr, line);
    assert.is(
      stderr
        .trimEnd()
        .split("\n")
        .filter((text) => text.startsWith("vitrine: ")).length,
      1,
    );
    assert.not.match(stderr, /\n\s+at /);
  });
}

test.run();
