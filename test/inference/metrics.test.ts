// Metrics of the inference server: what a scrape says, with series that only this server's models and errors add.

import { pino } from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import type {
  CallSubject,
  ModelRepository,
  ModelStatus,
  RequestRecord,
} from "../../server/inference/contract.js";
import { createInferenceMetrics } from "../../server/inference/observation/metrics.js";
import { openObservation } from "../../server/inference/observation/observation.js";

const statuses: ModelStatus[] = [
  { name: "tiny", version: "2", state: "ready", reason: "" },
  { name: "tiny", version: "1", state: "unloading", reason: "" },
  { name: "gone", version: "1", state: "ready", reason: "" },
];

const repository: Pick<ModelRepository, "index" | "find"> = {
  index: () => statuses,
  find: (name) => {
    if (name === "gone") throw new VitrineError("protocol/unknown-model", "unloaded between index and find");
    const load = () => ({ pendingImages: 7, queueBytes: 7000, modelBytes: 9_000_000 });
    return { load } as ReturnType<ModelRepository["find"]>;
  },
};

/** Series → value. */
function seriesOf(body: string): Map<string, number> {
  const lines = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]),
  );
}

const request = (code: string | null): RequestRecord => ({
  model: "tiny",
  version: "2",
  images: 3,
  code,
  seconds: { total: 0.06, queue: 0.02, decode: 0.01, compute: 0.03 },
});

const TINY = 'model="tiny",version="2"';

test("a request is counted by its model, version and code, and an answered one's time is split", async () => {
  const metrics = await createInferenceMetrics({ repository });
  metrics.observer.requestEnded(request(null));
  metrics.observer.requestEnded(request("network/queue-full"));
  metrics.observer.batchEnded({ model: "tiny", version: "2", images: 3, seconds: 0.03 });
  const { contentType, body } = await metrics.scrape();
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  const series = seriesOf(body);
  const value = (name: string, labels: string) => series.get(`vitrine_inference_${name}{${labels}}`);
  assert.is(value("requests_total", `${TINY},code="ok"`), 1);
  assert.is(value("requests_total", `${TINY},code="network/queue-full"`), 1);
  assert.is(value("images_total", TINY), 3, "of the answered one alone");
  for (const [name, seconds] of [
    ["request", 0.06],
    ["queue", 0.02],
    ["decode", 0.01],
    ["compute", 0.03],
    ["batch", 0.03],
  ] as const) {
    assert.is(value(`${name}_seconds_count`, TINY), 1, name);
    assert.is(value(`${name}_seconds_sum`, TINY), seconds, name);
  }
  assert.is(value("batch_images_bucket", `le="2",${TINY}`), 0);
  assert.is(value("batch_images_bucket", `le="4",${TINY}`), 1);
});

test("what models and decode threads hold is read at the scrape, also while a model is unloaded", async () => {
  const decode = { threads: 2, busy: 1 };
  const metrics = await createInferenceMetrics({ repository, decode: () => decode });
  const scrape = async () => seriesOf((await metrics.scrape()).body);
  const first = await scrape();
  assert.is(first.get(`vitrine_inference_pending_images{${TINY}}`), 7);
  assert.is(first.get(`vitrine_inference_queue_bytes{${TINY}}`), 7000);
  assert.is(first.get(`vitrine_inference_model_memory_bytes{${TINY}}`), 9_000_000);
  assert.not([...first.keys()].some((name) => name.includes("gone")));
  assert.is(first.get('vitrine_inference_models{state="ready"}'), 2);
  assert.is(first.get('vitrine_inference_models{state="unloading"}'), 1);
  assert.is(first.get('vitrine_inference_decode_threads{state="busy"}'), 1);
  assert.ok((first.get("process_resident_memory_bytes") ?? 0) > 1e6);
  decode.busy = 2;
  assert.is((await scrape()).get('vitrine_inference_decode_threads{state="busy"}'), 2);
});

test("no caller adds a series, whatever names, ids and errors his calls have", async () => {
  const log = pino({ level: "silent" });
  const observation = await openObservation({ repository, log, version: "0" });
  const names = async () =>
    [...seriesOf((await observation.scrape()).body).keys()].filter((n) => n.startsWith("vitrine"));
  const subject: Required<CallSubject> = { ...request(null) };
  const call = (id: string, error?: Error) => {
    const open = observation.calls.arrived({ protocol: "grpc", requestId: id, traceparent: id });
    if (error) open.failed(error);
    else open.answered(subject, 0.001);
  };
  const foreign = (text: string) => Object.assign(new Error(text), { name: "VitrineError", code: text });
  call("first");
  call("first", new VitrineError("protocol/unknown-model", 'no model "first"'));
  call("first", foreign("first"));
  const before = await names();
  for (let i = 0; i < 50; i++) {
    call(`id-${i}`);
    call(`id-${i}`, new VitrineError("protocol/unknown-model", `no model "m${i}"`));
    call(`id-${i}`, foreign(`m${i}`));
  }
  assert.equal(await names(), before);
  const series = seriesOf((await observation.scrape()).body);
  assert.is(series.get('vitrine_inference_calls_total{protocol="grpc",code="ok"}'), 51);
  assert.is(series.get('vitrine_inference_calls_total{protocol="grpc",code="internal/unexpected"}'), 51);
  assert.is(series.get(`vitrine_inference_output_seconds_count{${TINY}}`), 51);
});

test("metrics follow Prometheus's rules for names: base units, counters end with _total, all have a help text", async () => {
  const metrics = await createInferenceMetrics({ repository });
  const { body } = await metrics.scrape();
  const types = [...body.matchAll(/^# TYPE (vitrine_\S+) (\S+)$/gm)].map(([, name, type]) => ({
    name,
    type,
  }));
  assert.ok(types.length >= 15, String(types.length));
  for (const { name = "", type } of types) {
    assert.is(name.endsWith("_total"), type === "counter", name);
    assert.not.match(name, /milli|micro|_ms|_us|kilo|mega/);
    assert.match(body, new RegExp(`^# HELP ${name} [A-Z]`, "m"));
  }
});

test.run();
