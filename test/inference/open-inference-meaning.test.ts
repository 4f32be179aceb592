// Meaning of an inference request: inputs of every view and layout, outputs of every kind, parameters; and what is
// refused before any contents are unpacked.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Tensor } from "../../proto/tensor-codec.js";
import { isVitrineError } from "../../runtime/errors.js";
import { floatsToHalves, halvesToFloats } from "../../runtime/weights/half-float.js";
import type {
  InferenceAnswer,
  InferenceRequest,
  ModelEngine,
  ModelFacts,
} from "../../server/inference/contract.js";
import { DEFAULT_LIMITS } from "../../server/inference/inference-server.js";
import {
  answerInfer,
  type InferCall,
  type InferInput,
  type ParameterValue,
  unpackedInput,
} from "../../server/inference/protocol/open-inference.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { colorModel } from "./color-model.js";

const SIZE = 4;
const LABELS = ["red", "green", "blue", "a:b"];
const CONFIG = { ...colorModel().config, classes: 5 };
const LOGITS = Float32Array.of(0.5, 3, -1, 3, 0.25, -2, -3, 4, 0, 1);

function facts(fields: Partial<ModelFacts> = {}): ModelFacts {
  const limits = { ...DEFAULT_LIMITS, maxImages: 4 };
  const base = { name: "m", version: "1", config: CONFIG, labels: LABELS, parameters: 0, device: "wasm" };
  return { ...base, limits, extra: { embeddings: true, attention: true }, ...fields };
}

/** Answers with the first rows of LOGITS and remembers what it was asked. */
function fakeEngine(own = facts()): { engine: ModelEngine; requests: InferenceRequest[] } {
  const requests: InferenceRequest[] = [];
  const infer = async (request: InferenceRequest): Promise<InferenceAnswer> => {
    requests.push(request);
    const count = request.images.kind === "pictures" ? request.images.files.length : request.images.count;
    const logits = LOGITS.slice(0, count * 5);
    return {
      count,
      seconds: { queue: 1, decode: 2, compute: 3 },
      logits: { logits, classLogits: logits.map((x) => -x), distillationLogits: logits.map((x) => 3 * x) },
      ...(request.extra.embeddings && { embeddings: new Float32Array(count * 6).fill(7) }),
      ...(request.extra.attention && {
        attention: { grid: 2, values: new Float32Array(count * 4).fill(0.25) },
      }),
    };
  };
  const load = () => ({ pendingImages: 0, queueBytes: 0, modelBytes: 0 });
  return { engine: { facts: own, infer, load, drain: async () => {}, close: async () => {} }, requests };
}

const life = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
const parameters = (fields: Record<string, ParameterValue>) => new Map(Object.entries(fields));
const pictures = (count: number, shape = [count]): InferInput =>
  unpackedInput({
    name: "image",
    datatype: "BYTES",
    shape,
    data: Array.from({ length: count }, (_, n) => Uint8Array.of(n)),
  });

async function ask(call: Partial<InferCall>, own = facts()) {
  const { engine, requests } = fakeEngine(own);
  const whole = {
    model: "m",
    version: "",
    parameters: new Map(),
    inputs: [pictures(2)],
    outputs: [],
    ...call,
  };
  const result = await answerInfer(fixedRepository([engine]), whole, life);
  return { result, request: requests[0]!, tensors: new Map(result.outputs.map((t) => [t.name, t])) };
}

async function refusal(call: Partial<InferCall>, own = facts()): Promise<string> {
  const { engine, requests } = fakeEngine(own);
  const whole = {
    model: "m",
    version: "",
    parameters: new Map(),
    inputs: [pictures(2)],
    outputs: [],
    ...call,
  };
  try {
    await answerInfer(fixedRepository([engine]), whole, life);
  } catch (error) {
    assert.ok(isVitrineError(error), `${error}`);
    assert.is(requests.length, 0, "nothing was computed");
    return `${error.code}: ${error.message}`;
  }
  return assert.unreachable("nothing was refused") as never;
}

const output = (name: string, fields: Record<string, ParameterValue> = {}) => ({
  name,
  parameters: parameters(fields),
});
const texts = (tensor: Tensor | undefined) => {
  assert.is(tensor?.datatype, "BYTES");
  return ((tensor as Tensor).data as Uint8Array[]).map((bytes) => new TextDecoder().decode(bytes));
};

test("without outputs, logits are returned; with top_k, the labels", async () => {
  const plain = await ask({});
  assert.equal([...plain.tensors.keys()], ["logits"]);
  assert.equal(plain.tensors.get("logits")?.data, LOGITS);
  assert.equal(plain.tensors.get("logits")?.shape, [2, 5]);
  const { model, version, images, seconds } = plain.result;
  assert.equal({ model, version, images }, { model: "m", version: "1", images: 2 });
  assert.equal(seconds, { queue: 1, decode: 2, compute: 3 });

  const { tensors } = await ask({ parameters: parameters({ top_k: 3 }) });
  assert.equal([...tensors.keys()], ["labels", "label_indices", "label_probabilities"]);
  assert.equal(texts(tensors.get("labels")), ["green", "a:b", "red", "blue", "4", "a:b"]);
  assert.equal([...tensors.get("label_indices")!.data], [1, 3, 0, 2, 4, 3]);
  for (const tensor of tensors.values()) assert.equal(tensor.shape, [2, 3]);
});

test("label_probabilities are the softmax at label_indices", async () => {
  const names = ["probabilities", "label_indices", "label_probabilities"];
  const { tensors } = await ask({ outputs: names.map((name) => output(name)) });
  const all = tensors.get("probabilities")?.data as Float32Array;
  const indices = tensors.get("label_indices")?.data as Int32Array;
  const expected = Array.from(indices, (index, entry) => all[Math.floor(entry / 5) * 5 + index]);
  assert.equal([...(tensors.get("label_probabilities") as Tensor).data], expected);
  assert.ok(Math.abs(all.slice(0, 5).reduce((a, b) => a + b) - 1) < 1e-6);
});

test("classification: score, index and label of the largest, best first, at most all classes", async () => {
  const outputs = [output("logits", { classification: 2 }), output("class_logits", { classification: 99 })];
  const { tensors } = await ask({ outputs });
  assert.equal(tensors.get("logits")?.shape, [2, 2]);
  assert.equal(texts(tensors.get("logits")), [
    "3.000000:1:green",
    "3.000000:3:a:b",
    "4.000000:2:blue",
    "1.000000:4:4",
  ]);
  assert.equal(tensors.get("class_logits")?.shape, [2, 5]);
  assert.equal(texts(tensors.get("class_logits"))[0], "1.000000:2:blue");
});

test("embeddings and attention are asked of the engine only where they are requested", async () => {
  const without = await ask({});
  assert.equal(without.request.extra, {});
  const { request, tensors } = await ask({ outputs: [output("attention"), output("embeddings")] });
  assert.equal(request.extra, { attention: true, embeddings: true });
  assert.equal(tensors.get("attention")?.shape, [2, 2, 2]);
  assert.equal(tensors.get("embeddings")?.shape, [2, 6]);
});

const NCHW = Float32Array.from({ length: 2 * 3 * SIZE * SIZE }, (_, place) => place / 8);
const toNhwc = (values: Float32Array) =>
  values.map((_, place) => {
    const [image, pixel, channel] = [Math.floor(place / 48), Math.floor(place / 3) % 16, place % 3];
    return values[image * 48 + channel * 16 + pixel]!;
  });
const values = (fields: object): InferInput =>
  unpackedInput({ name: "pixel_values", datatype: "FP32", shape: [2, 3, SIZE, SIZE], ...fields } as Tensor);

test("normalized values arrive channels first, from FP32 and FP16, NCHW and NHWC", async () => {
  const nhwc = { shape: [2, SIZE, SIZE, 3], data: toNhwc(NCHW) };
  const half = { datatype: "FP16", data: floatsToHalves(NCHW) };
  assert.equal(halvesToFloats(half.data), NCHW, "the values are exact in FP16");
  const halfNhwc = { ...nhwc, datatype: "FP16", data: floatsToHalves(nhwc.data) };
  for (const fields of [{ data: NCHW }, nhwc, half, halfNhwc])
    for (const model of ["m", "m:values", ":values"]) {
      const { request, result } = await ask({ model, inputs: [values(fields)] });
      assert.equal(request.images, { kind: "values", count: 2, data: NCHW });
      assert.is(result.model, model === "m" ? "m" : "m:values");
    }
});

test("pictures may have a second axis of 1, and KServe's unnamed input is known by its datatype", async () => {
  const { request } = await ask({ inputs: [pictures(2, [2, 1])] });
  assert.equal(request.images, { kind: "pictures", files: [Uint8Array.of(0), Uint8Array.of(1)] });
  const pixels = new Uint8Array(SIZE * SIZE * 3);
  const unnamed = unpackedInput({
    name: "input-0",
    datatype: "UINT8",
    shape: [1, SIZE, SIZE, 3],
    data: pixels,
  });
  for (const model of ["m", "m:pixels"])
    assert.is((await ask({ model, inputs: [unnamed] })).request.images.kind, "pixels");
});

test("timeout shortens the deadline in microseconds, and priority is passed on", async () => {
  const before = Date.now();
  const { request } = await ask({ parameters: parameters({ timeout: 2_000_000, priority: 2 }) });
  assert.ok(request.life.deadline >= before + 2000 && request.life.deadline <= Date.now() + 2000);
  assert.is(request.priority, 2);
  const plain = await ask({ parameters: parameters({ timeout: 0, priority: 0 }) });
  assert.is(plain.request.life.deadline, Number.POSITIVE_INFINITY);
  assert.is(plain.request.priority, 5);
});

const shared = parameters({ shared_memory_region: "r", shared_memory_byte_size: 4 });
const REFUSED: [claim: string, call: Partial<InferCall>, text: RegExp][] = [
  [
    "an unknown parameter",
    { parameters: parameters({ topk: 3 }) },
    /^protocol\/parameter: .*"topk".*timeout, priority, top_k/,
  ],
  ["a sequence", { parameters: parameters({ sequence_id: 3 }) }, /^protocol\/unimplemented: .*"sequence_id"/],
  ["a priority of 11", { parameters: parameters({ priority: 11 }) }, /is 11; allowed: .* 0 to 10/],
  ["a negative timeout", { parameters: parameters({ timeout: -1n }) }, /"timeout" is -1; .*from 0/],
  ["a timeout that is text", { parameters: parameters({ timeout: "5" }) }, /"timeout" is "5"/],
  [
    "an input in shared memory",
    { inputs: [{ ...pictures(1), parameters: shared }] },
    /^protocol\/unimplemented: .*"shared_memory_region" of input "image"/,
  ],
  [
    "an output in shared memory",
    { outputs: [{ name: "logits", parameters: shared }] },
    /^protocol\/unimplemented: .*output "logits"/,
  ],
  [
    "an output that is named twice",
    { outputs: [output("logits"), output("logits")] },
    /"logits" is named twice/,
  ],
  ["an unknown output", { outputs: [output("softmax")] }, /no output "softmax"; allowed: logits, prob/],
  ["classification of 0", { outputs: [output("logits", { classification: 0 })] }, /"classification" is 0/],
  [
    "classification of what are not scores",
    { outputs: [output("attention", { classification: 1 })] },
    /"classification" of output "attention"; allowed: none/,
  ],
  [
    "top_k without an output for it",
    { parameters: parameters({ top_k: 2 }), outputs: [output("logits")] },
    /"top_k" is for the outputs labels/,
  ],
  ["two inputs", { inputs: [pictures(1), pictures(1)] }, /2 inputs; allowed: one/],
  ["an unknown view", { model: "m:image" }, /^protocol\/unknown-model: .*"m:image".*"pixels" or "values"/],
  [
    "pictures for the view of pixels",
    { model: "m:pixels" },
    /"image" BYTES \[2\]; allowed: "pixels" UINT8 \[-1, 4, 4, 3\]$/,
  ],
  ["values of another size", { inputs: [values({ shape: [2, 3, 8, 2], data: NCHW })] }, /\[2, 3, 8, 2\]/],
];

for (const [claim, call, text] of REFUSED)
  test(`refused before anything is computed: ${claim}`, async () => {
    assert.match(await refusal(call), text);
  });

test("outputs that a model cannot compute do not exist", async () => {
  const plain = facts({ extra: {}, config: { ...CONFIG, distilled: false } });
  for (const name of ["attention", "embeddings", "distillation_logits"])
    assert.match(await refusal({ outputs: [output(name)] }, plain), new RegExp(`no output "${name}"`));
});

test("too many images, and any other wrong header, are refused without unpacking the contents", async () => {
  const packed = (fields: Partial<InferInput>): InferInput => ({
    ...{ name: "image", datatype: "BYTES", shape: [1], parameters: new Map() },
    read: () => assert.unreachable("the contents were unpacked") as never,
    ...fields,
  });
  for (const shape of [[15_000_000], [5], [0], [-1], [2, 2], [1, 1, 1], [], [Number.NaN], [1.5]])
    assert.match(await refusal({ inputs: [packed({ shape })] }), /^protocol\/tensor: input "image" BYTES/);
  const text = await refusal({ inputs: [packed({ shape: new Array(100_000).fill(1) })] });
  assert.ok(text.length < 600, text);
  assert.match(await refusal({ inputs: [packed({ datatype: "FP64" })] }), /FP64/);
  const names = Array.from({ length: 100_000 }, (_, n) => output(`logits${n}`));
  assert.match(await refusal({ inputs: [packed({})], outputs: names }), /no output "logits0"/);
});

test.run();
