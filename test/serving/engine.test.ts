// Engine: what a request may cost, who is served first, and what becomes of those that are late, canceled or too many.

import { setImmediate as nextTurn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type ErrorCode, isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { finished } from "../../runtime/executors/pipelined.js";
import type { ImageTensor } from "../../runtime/inference/answer.js";
import type {
  BatchRecord,
  InferenceRequest,
  ModelEngine,
  ModelLimits,
  RequestRecord,
} from "../../server/inference/contract.js";
import { DeviceTurns } from "../../server/inference/engine/device-turns.js";
import { createEngine, type EngineOptions, type ServedModel } from "../../server/inference/engine/engine.js";
import type { PictureDecoder, PictureJob } from "../../server/inference/pictures/picture-decoder.js";
import { colorModel, IMAGE_BYTES, meanColors } from "../inference/color-model.js";
import { VirtualTime } from "./virtual-time.js";

const LIMITS: ModelLimits = {
  maxBatch: 4,
  maxQueue: 16,
  maxImages: 12,
  queueDelayUs: 0,
  maxMessageBytes: 10_000,
  maxPixels: 1_000,
  decodeTimeoutMs: 1_000,
};

/** A model whose batches end when the test ends them. */
function heldModel(name = "held", log: string[] = []) {
  const ends: (() => void)[] = [];
  const batches: number[][] = [];
  const model: ServedModel = {
    ...colorModel(),
    name,
    async submit(images: ImageTensor, count: number) {
      batches.push(Array.from({ length: count }, (_, row) => images[row * IMAGE_BYTES] as number));
      log.push(name);
      const logits = meanColors(images as Uint8Array, count);
      await new Promise<void>((resolve) => ends.push(resolve));
      return finished({ logits, classLogits: logits });
    },
  };
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await settled();
  };
  return { model, batches, end };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

/** A decoder whose pictures are decoded when the test says so; a "picture" is one byte, its gray. */
function heldDecoder() {
  const jobs: { job: PictureJob; finish: () => void }[] = [];
  const abandoned = new Set<object>();
  const decoder: PictureDecoder = {
    decode: (job) =>
      new Promise((resolve) => {
        jobs.push({ job, finish: () => resolve(new Uint8Array(IMAGE_BYTES).fill(job.file[0] as number)) });
      }),
    abandon: (owner) => void abandoned.add(owner),
    expectedSeconds: () => 0,
  };
  return { decoder, jobs, abandoned };
}

function engineOf(model: ServedModel, options: Partial<EngineOptions> = {}, limits = {}): ModelEngine {
  return createEngine(model, { version: "1", limits: { ...LIMITS, ...limits }, ...options });
}

const life = (deadline = Number.POSITIVE_INFINITY, signal = new AbortController().signal) => ({
  deadline,
  signal,
});

function request(
  images: InferenceRequest["images"],
  changes: Partial<InferenceRequest> = {},
): InferenceRequest {
  return { images, extra: {}, priority: 0, life: life(), ...changes };
}

/** `count` images whose every byte is `gray`. */
function pixels(count: number, gray = 1, changes: Partial<InferenceRequest> = {}): InferenceRequest {
  return request({ kind: "pixels", count, data: new Uint8Array(count * IMAGE_BYTES).fill(gray) }, changes);
}

function pictures(...grays: number[]): InferenceRequest {
  return request({ kind: "pictures", files: grays.map((gray) => Uint8Array.of(gray)) });
}

async function refusal(promise: Promise<unknown>): Promise<VitrineError> {
  try {
    await promise;
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
  return assert.unreachable("nothing was refused") as never;
}

const codeOf = async (promise: Promise<unknown>): Promise<ErrorCode> => (await refusal(promise)).code;

test("a request of too many images is refused by their number alone, before a picture is touched", async () => {
  const { decoder, jobs } = heldDecoder();
  const engine = engineOf(heldModel().model, { pictures: decoder });
  const onePixel = Array(5_000).fill(Uint8Array.of(1));
  // As many as a message of 60 MB holds; without elements, so that reading one would fail.
  const empty = new Array<Uint8Array>(15_000_000);
  for (const files of [onePixel, empty, []]) {
    const error = await refusal(engine.infer(request({ kind: "pictures", files })));
    assert.is(error.code, "protocol/tensor");
    assert.ok(error.message.includes(files.length.toLocaleString("en-US")), error.message);
    assert.match(error.message, /allowed: 1 to 12$/);
  }
  assert.is(jobs.length, 0);
});

test("images of another size are refused before they reach a batch with those of others", async () => {
  const engine = engineOf(colorModel());
  for (const length of [0, IMAGE_BYTES - 1, 3 * IMAGE_BYTES]) {
    const data = new Uint8Array(length);
    assert.is(await codeOf(engine.infer(request({ kind: "pixels", count: 2, data }))), "image/size");
  }
});

test("a full queue refuses before it decodes, counts pictures that are being decoded, and says when to return", async () => {
  const { decoder, jobs } = heldDecoder();
  const { model, end } = heldModel();
  const engine = engineOf(model, { pictures: decoder });
  const first = engine.infer(pictures(...Array(12).fill(1)));
  assert.is(jobs.length, 12);
  const error = await refusal(engine.infer(pictures(1, 2, 3, 4, 5)));
  assert.is(error.code, "network/queue-full");
  assert.match(error.message, /^12 images are waiting and 5 more were sent; allowed: 16\. Try again later$/);
  assert.type(error.details.retryAfterMs, "number");
  assert.is(jobs.length, 12, "nothing more was decoded");
  for (const { finish } of jobs) finish();
  for (let batch = 0; batch < 12; batch++) await end();
  assert.is((await first).count, 12);
  const last = engine.infer(pixels(12));
  for (let batch = 0; batch < 4; batch++) {
    await settled();
    await end();
  }
  assert.is((await last).count, 12);
});

test("the bytes of requests in progress are bounded", async () => {
  const engine = engineOf(heldModel().model, { pictures: heldDecoder().decoder });
  const file = () => request({ kind: "pictures", files: [new Uint8Array(9_000)] });
  const accepted = [engine.infer(file()), engine.infer(file())].map(codeOf);
  const error = await refusal(engine.infer(file()));
  assert.is(error.code, "network/queue-full");
  assert.match(error.message, /hold 18,000 bytes and 9,000 more were sent; allowed: 20,000/);
  await engine.close();
  assert.equal(await Promise.all(accepted), ["network/draining", "network/draining"]);
});

test("1,000 canceled requests free their places at once, and nothing is decoded for them", async () => {
  const { decoder, jobs, abandoned } = heldDecoder();
  const engine = engineOf(heldModel().model, { pictures: decoder }, { maxQueue: 1_000 });
  const callers = Array.from({ length: 1_000 }, () => new AbortController());
  const canceled = callers.map(({ signal }) =>
    codeOf(engine.infer({ ...pictures(1), life: life(Number.POSITIVE_INFINITY, signal) })),
  );
  assert.is(await codeOf(engine.infer(pictures(1))), "network/queue-full");
  for (const caller of callers) caller.abort();
  const next = engine.infer(pixels(12));
  assert.ok((await Promise.all(canceled)).every((code) => code === "network/canceled"));
  assert.is(abandoned.size, 1_000);
  assert.is(jobs.length, 1_000, "the next request was accepted in the same moment");
  void codeOf(next);
  await engine.close();
});

test("a request whose deadline passes while its pictures wait ends then, and gives its places back", async () => {
  const { decoder, abandoned } = heldDecoder();
  const engine = engineOf(heldModel().model, { pictures: decoder });
  const late = { ...pictures(...Array(12).fill(1)), life: life(Date.now() + 20) };
  assert.is(await codeOf(engine.infer(late)), "network/deadline");
  assert.ok(abandoned.has(late));
  assert.is(await codeOf(engine.infer({ ...pictures(1), life: life(Date.now() - 1) })), "network/deadline");
});

test("pictures enter the batches one by one, in any order, and each answer is its picture's", async () => {
  const { decoder, jobs } = heldDecoder();
  const { model, batches, end } = heldModel();
  const engine = engineOf(model, { pictures: decoder });
  const answer = engine.infer(pictures(10, 20, 30, 40, 50));
  jobs[3]?.finish();
  await settled();
  assert.equal(batches, [[40]], "computed while the others are decoded");
  for (const place of [4, 0, 2, 1]) jobs[place]?.finish();
  await end();
  assert.equal(batches, [[40], [50, 10, 30, 20]]);
  await end();
  const { logits } = await answer;
  assert.equal(
    [0, 1, 2, 3, 4].map((image) => logits.logits[image * 3]),
    [10, 20, 30, 40, 50],
  );
});

test("one broken picture fails its request by its place, and drops the others", async () => {
  const files = [Uint8Array.of(1, 2, 3), Uint8Array.of(1), Uint8Array.of(1, 2, 3)];
  const error = await refusal(engineOf(colorModel()).infer(request({ kind: "pictures", files })));
  assert.is(error.code, "jpeg/not-jpeg");
  assert.match(error.message, /^input "image", element 1: /);
  assert.is(error.details.element, 1);
  assert.ok(isVitrineError(error.cause));
});

test("an error of the model reaches the caller as it is, and the next request is answered", async () => {
  const fault = new TypeError("a fault of ours");
  let isBroken = true;
  const model = colorModel();
  const submit: ServedModel["submit"] = (images, count) => {
    if (isBroken) throw fault;
    return model.submit(images, count);
  };
  const engine = engineOf({ ...model, submit });
  const failures = await Promise.allSettled([engine.infer(pixels(2)), engine.infer(pixels(2))]);
  for (const failure of failures) assert.is((failure as PromiseRejectedResult).reason, fault);
  isBroken = false;
  assert.is((await engine.infer(pixels(2))).count, 2);
});

test("lower priority numbers go first, and those of one priority in the order of arrival", async () => {
  const { model, batches, end } = heldModel();
  const engine = engineOf(model);
  const answers = [engine.infer(pixels(4, 1))];
  await settled();
  for (const [gray, priority] of [
    [2, 5],
    [3, 0],
    [4, 5],
    [5, -1],
  ] as const)
    answers.push(engine.infer(pixels(2, gray, { priority })));
  for (let batch = 0; batch < 3; batch++) await end();
  await Promise.all(answers);
  assert.equal(batches, [
    [1, 1, 1, 1],
    [5, 5, 3, 3],
    [2, 2, 4, 4],
  ]);
});

test("a flood of urgent requests does not starve the others", async () => {
  const time = new VirtualTime();
  time.install();
  try {
    const engine = engineOf(timedModel(time));
    let patient = false;
    const answers: Promise<unknown>[] = [];
    void engine.infer(pixels(1, 1, { priority: 10 })).then(() => (patient = true));
    // Four urgent images every 100 ms: all that the model computes.
    const flood = async (milliseconds: number): Promise<void> => {
      for (let passed = 0; passed < milliseconds; passed += 100) {
        answers.push(engine.infer(pixels(4, 1, { priority: 1 })));
        await time.pass(100);
      }
    };
    answers.push(engine.infer(pixels(8, 1, { priority: 1 })));
    await flood(8_000);
    assert.not(patient);
    await flood(2_000);
    assert.ok(patient, "9 steps are worth 9 seconds");
    await time.pass(1_000);
    await Promise.all(answers);
  } finally {
    time.remove();
  }
});

test("an urgent model goes first on its device, but passes over no batch more than four times", async () => {
  const turns = new DeviceTurns();
  const order: string[] = [];
  const submit = (name: string, priority: number): Promise<void> =>
    turns
      .take({}, () => 0, priority)
      .then((turn) => {
        order.push(name);
        setImmediate(() => turn.end());
      });
  const running = submit("0", 0);
  const waiting = [submit("calm", 5), ...["1", "2", "3", "4", "5", "6"].map((name) => submit(name, 0))];
  await Promise.all([running, ...waiting]);
  assert.equal(order, ["0", "1", "2", "3", "4", "calm", "5", "6"]);
});

test("models of one device compute in turn, whatever waits at each", async () => {
  const log: string[] = [];
  const turns = new DeviceTurns();
  const [busy, calm] = [heldModel("busy", log), heldModel("calm", log)];
  const engines = [busy, calm].map(({ model }) => engineOf(model, { turns }));
  const many = [12, 4].map((count) => engines[0]?.infer(pixels(count)));
  await settled();
  const few = engines[1]?.infer(pixels(8));
  for (let batch = 0; batch < 6; batch++) {
    await settled();
    await (log.at(-1) === "busy" ? busy : calm).end();
  }
  await Promise.all([...many, few]);
  // The second batch of the busy one was in line before the other came.
  assert.equal(log, ["busy", "busy", "calm", "busy", "calm", "busy"]);
});

test("a batch that is not full waits queueDelayUs for others, and a full one does not", async () => {
  const time = new VirtualTime();
  time.install();
  try {
    const batches: number[] = [];
    const model: ServedModel = {
      ...colorModel(),
      submit: async (_, count) => {
        batches.push(count);
        return finished({ logits: new Float32Array(count * 3), classLogits: new Float32Array(count * 3) });
      },
    };
    const engine = engineOf(model, {}, { queueDelayUs: 20_000 });
    const answers = [engine.infer(pixels(1))];
    await time.pass(10);
    answers.push(engine.infer(pixels(2)));
    await time.pass(9);
    assert.equal(batches, []);
    await time.pass(2);
    assert.equal(batches, [3], "20 ms after the first image came");
    answers.push(engine.infer(pixels(4)));
    await time.pass(0);
    assert.equal(batches, [3, 4], "at once");
    await Promise.all(answers);
  } finally {
    time.remove();
  }
});

/** A model that computes a batch of `maxBatch` in 100 ms, or `milliseconds` of it; smaller ones take a part of that. */
function timedModel(
  time: VirtualTime,
  milliseconds: (batch: number) => number = () => 100,
  maxBatch = 4,
): ServedModel {
  const part = (count: number) => (maxBatch / 4 + count) / (maxBatch / 4 + maxBatch);
  let batch = 0;
  const answer = (count: number) => new Float32Array(count * 3);
  return {
    ...colorModel(),
    async submit(_, count) {
      await time.sleep(milliseconds(batch++) * part(count));
      return finished({ logits: answer(count), classLogits: answer(count) });
    },
  };
}

/** Uniform in 0..1 from a linear congruential generator (Numerical Recipes' constants). */
function uniform(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * `overload` times the load that batches of 8 in 100 ms can bear, for 10 s, arriving at random, with deadlines of 200 ms;
 * `factor` changes the time of each batch. `goodput`: what was answered in time, as part of what could be at best.
 */
async function overloaded(overload: number, factor: (random: number, batch: number) => number) {
  const time = new VirtualTime();
  time.install();
  try {
    const random = uniform();
    let [batches, factors] = [0, 0];
    const milliseconds = (batch: number): number => {
      const slower = factor(random(), batch);
      [batches, factors] = [batches + 1, factors + slower];
      return 100 * slower;
    };
    const engine = engineOf(timedModel(time, milliseconds, 8), {}, { maxQueue: 256, maxBatch: 8 });
    const ends = { inTime: 0, late: 0, refusedAtOnce: 0, refusedLater: 0 };
    const ask = async (): Promise<void> => {
      const sent = Date.now();
      try {
        await engine.infer(pixels(1, 1, { life: life(sent + 200) }));
        if (Date.now() <= sent + 200) ends.inTime++;
        else ends.late++;
      } catch (error) {
        if (!isVitrineError(error) || !/^network\/(overloaded|deadline)$/.test(error.code)) throw error;
        if (Date.now() === sent) ends.refusedAtOnce++;
        else ends.refusedLater++;
      }
    };
    const capacity = 800;
    const arrivals = overload * capacity;
    for (let arrival = 0; arrival < arrivals; arrival++) {
      void ask();
      await time.pass((-Math.log(1 - random()) * 10_000) / arrivals);
    }
    await time.pass(1000);
    const answered = Object.values(ends).reduce((sum, count) => sum + count, 0);
    assert.is(answered, arrivals, "every request was answered");
    return { ...ends, arrivals, goodput: (ends.inTime * (factors / batches)) / capacity };
  } finally {
    time.remove();
  }
}

for (const overload of [2, 3])
  test(`under ${overload} times the load it can bear, 95% of its capacity is answered in time`, async () => {
    const { goodput, late, refusedLater, arrivals } = await overloaded(
      overload,
      (random) => 0.95 + random / 10,
    );
    assert.ok(goodput >= 0.95, `${goodput} of the capacity`);
    assert.is(late, 0);
    assert.ok(
      refusedLater < 0.05 * arrivals,
      `${refusedLater} of ${arrivals} were refused after they had waited`,
    );
  });

test("goodput holds on a machine whose speed varies, changes and stumbles", async () => {
  const machines = {
    varies: (random: number) => 0.7 + 0.6 * random,
    changes: (random: number, batch: number) => (Math.floor(batch / 40) % 2 ? 1.6 : 0.8) * (0.9 + random / 5),
    stumbles: (random: number) => (random < 0.03 ? 5 : 0.9 + random / 5),
  };
  for (const [name, factor] of Object.entries(machines)) {
    const { goodput } = await overloaded(3, factor);
    assert.ok(goodput >= 0.85, `${name}: ${goodput}`);
  }
});

test("a request that the queue leaves no time is refused on arrival; an idle engine tries any", async () => {
  const time = new VirtualTime();
  time.install();
  try {
    // The first batch takes ten times as long as all others: a hiccup.
    const engine = engineOf(timedModel(time, (batch) => (batch === 0 ? 1000 : 100)));
    const first = engine.infer(pixels(4));
    await time.pass(1001);
    await first;
    const soon = () => pixels(4, 1, { life: life(Date.now() + 150) });
    const waiting = engine.infer(pixels(4));
    await time.pass(1);
    const error = await refusal(engine.infer(soon()));
    assert.is(error.code, "network/overloaded");
    assert.match(
      error.message,
      /^the answer would take 2299 ms, and the deadline is in 150 ms\. Try again later$/,
    );
    assert.is(error.details.retryAfterMs, 2149);
    await time.pass(200);
    await waiting;
    const tried = engine.infer(soon());
    await time.pass(200);
    assert.is((await tried).count, 4, "the hiccup is forgotten");
  } finally {
    time.remove();
  }
});

test("draining refuses new requests and ends those in progress; closing fails those that wait and ends the batch that runs", async () => {
  const { model, end } = heldModel();
  const engine = engineOf(model);
  const [first, running, split, waiting] = [4, 4, 2, 1].map((count) => engine.infer(pixels(count)));
  await settled();
  const drained = engine.drain();
  assert.is(await codeOf(engine.infer(pixels(1))), "network/draining");
  await end();
  assert.is((await first)?.count, 4);
  let isClosed = false;
  const closed = engine.close().then(() => (isClosed = true));
  for (const request of [split, waiting])
    assert.is(await codeOf(request as Promise<unknown>), "network/draining");
  await settled();
  assert.not(isClosed, "a batch still runs");
  await end();
  assert.is((await running)?.count, 4);
  await Promise.all([closed, drained]);
});

test("the observer is given every request and batch, with seconds that add up", async () => {
  const requests: RequestRecord[] = [];
  const batches: BatchRecord[] = [];
  const observer = {
    requestEnded: (record: RequestRecord) => void requests.push(record),
    batchEnded: (record: BatchRecord) => void batches.push(record),
  };
  const time = new VirtualTime();
  time.install();
  try {
    const { decoder, jobs } = heldDecoder();
    const engine = engineOf(timedModel(time), { observer, pictures: decoder });
    const answer = engine.infer(pictures(1, 2, 3, 4));
    await time.pass(30);
    for (const { job } of jobs) job.onStart();
    await time.pass(50);
    for (const { finish } of jobs) finish();
    await time.pass(100);
    await answer;
    await codeOf(engine.infer(pixels(13)));
    const common = { model: "colors", version: "1" };
    const round = (seconds: RequestRecord["seconds"]) =>
      Object.fromEntries(Object.entries(seconds).map(([part, value]) => [part, Math.round(value * 1000)]));
    assert.equal(
      requests.map((record) => ({ ...record, seconds: round(record.seconds) })),
      [
        { ...common, images: 4, code: null, seconds: { total: 180, queue: 30, decode: 50, compute: 100 } },
        {
          ...common,
          images: 13,
          code: "protocol/tensor",
          seconds: { total: 0, queue: 0, decode: 0, compute: 0 },
        },
      ],
    );
    assert.equal(batches, [{ ...common, images: 4, seconds: 0.1 }]);
  } finally {
    time.remove();
  }
});

test.run();
