// Metrics: what a scrape of a data server says, and that clients add no series.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../client/node/index.js";
import { batchCost } from "../../proto/credits.js";
import { type DataServer, startDataServer } from "../../server/data/data-server.js";
import { startMetrics } from "../../server/data/metrics.js";
import { startRateLog } from "../../server/data/rate-log.js";
import { createDataService } from "../../server/data/service.js";
import { StreamTotals } from "../../server/data/service-totals.js";
import { SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

interface Context {
  set: SyntheticDataSet;
  server: DataServer;
}

const test = suite<Context>("metrics");

const log = pino({ level: "silent" });

test.before(async (context) => {
  context.set = createDataSet(24);
  writeFileSync(join(context.set.path, "cat", "bad.jpg"), "no picture");
  context.server = await startDataServer({
    ...{ data: context.set.path, listen: "127.0.0.1:0", workers: 1, badSamples: "skip", log },
    metrics: "127.0.0.1:0",
  });
});

test.after(async ({ set, server }) => {
  await server.close();
  set.remove();
});

/** Series → value. */
async function scrape(address: string): Promise<Map<string, number>> {
  const response = await fetch(`${address}/metrics`);
  assert.is(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]),
  );
}

async function readBatches({ server }: Context, batches: number, seed: number): Promise<void> {
  const settings = { address: server.address, recipe: SMALL_RECIPE, batchSize: 5, seed };
  const source = await connectData({ ...settings, creditBytes: 2 * batchCost(5, SMALL_RECIPE.size) });
  let count = 0;
  for await (const { pixels } of source.batches({ epoch: 0, batch: 0 })) {
    assert.ok(pixels.length > 0);
    if (++count === batches) break;
  }
  await source.close();
}

const SERIES = 'vitrine_data_stage_seconds_total{stage="';

test("a scrape counts what was read, decoded, sent, skipped and waited for", async (context) => {
  const { metricsAddress = "" } = context.server;
  await readBatches(context, 20, 1);
  const series = await scrape(metricsAddress);
  const value = (name: string): number => series.get(`vitrine_data_${name}`) ?? Number.NaN;
  assert.ok(value("batches_sent_total") >= 20);
  assert.is(value("images_sent_total"), 5 * value("batches_sent_total"));
  assert.is(value("sent_bytes_total"), SMALL_RECIPE.size ** 2 * 3 * value("images_sent_total"));
  assert.ok(value('batches_total{source="made"}') >= 20);
  assert.is(value('batches_total{source="shared"}'), 0);
  assert.ok(value('bad_samples_total{outcome="skipped",code="image/unknown-format"}') >= 1);
  assert.is(value('decode_workers{state="all"}'), 1);
  assert.ok(value('memory_bytes{use="limit"}') > 0);
  for (const stage of ["read", "decode", "mix", "encode", "batch_wait", "send_wait"])
    assert.ok((series.get(`${SERIES}${stage}"}`) ?? 0) > 0, stage);
  assert.ok((series.get(`${SERIES}credit_wait"}`) ?? -1) >= 0);
  assert.ok((series.get("process_resident_memory_bytes") ?? 0) > 0, "those of the process are there, too");
});

test("clients add no series", async (context) => {
  const { metricsAddress = "" } = context.server;
  const names = async () =>
    [...(await scrape(metricsAddress)).keys()].filter((name) => name.startsWith("vitrine"));
  const before = await names();
  for (let seed = 2; seed < 6; seed++) await readBatches(context, 1, seed);
  assert.equal(await names(), before);
});

test("a stream whose client grants no credit waits for it, and is not called stalled", async (context) => {
  const { server } = context;
  const settings = { address: server.address, recipe: SMALL_RECIPE, batchSize: 5, seed: 9 };
  const source = await connectData({ ...settings, creditBytes: batchCost(5, SMALL_RECIPE.size) });
  const batches = source.batches({ epoch: 0, batch: 0 })[Symbol.asyncIterator]();
  await batches.next();
  const waited = () => server.service.totals.waits.credit;
  const before = waited();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await batches.next();
  await until(() => waited() - before >= 0.04);
  assert.is(server.service.streamsWithoutProgress(), 0);
  await batches.return?.();
  await source.close();
});

test("health is told by HTTP, and nothing else is answered", async ({ server }) => {
  const { metricsAddress = "" } = server;
  const healthy = await fetch(`${metricsAddress}/healthz`);
  assert.equal([healthy.status, await healthy.text()], [200, "serving\n"]);
  assert.is((await fetch(`${metricsAddress}/other`)).status, 404);
  assert.is((await fetch(`${metricsAddress}/metrics`, { method: "POST" })).status, 404);
  const service = createDataService({ badSamples: "fail", log });
  const opening = { serving: false, text: "opening: 12,000 files so far" };
  const metrics = await startMetrics("127.0.0.1:0", {
    service,
    remote: async () => undefined,
    health: () => opening,
  });
  const early = await fetch(`${metrics.address}/healthz`);
  assert.equal([early.status, await early.text()], [503, "opening: 12,000 files so far\n"]);
  assert.is((await scrape(metrics.address)).get("vitrine_data_streams"), 0, "before the data set is open");
  await metrics.close();
});

test("counts of a remote data set's cache are shown", async () => {
  const service = createDataService({ badSamples: "fail", log });
  const counts = { hits: 3, misses: 4, damagedBlocks: 0, requests: 5, bytes: 600 };
  const health = () => ({ serving: true, text: "serving" });
  const metrics = await startMetrics("127.0.0.1:0", { service, remote: async () => counts, health });
  const series = await scrape(metrics.address);
  assert.is(series.get("vitrine_data_remote_hits_total"), 3);
  assert.is(series.get("vitrine_data_remote_bytes_total"), 600);
  await metrics.close();
});

test("errors about the address name --metrics", async ({ set, server }) => {
  const { metricsAddress = "" } = server;
  const settings = { data: set.path, listen: "127.0.0.1:0", workers: 1, badSamples: "skip", log } as const;
  const failure = (metrics: string): Promise<string> =>
    startDataServer({ ...settings, metrics }).then(
      async (started) => {
        await started.close();
        return "no error";
      },
      (error) => `${error.code}: ${error.message}`,
    );
  assert.match(await failure("9100"), /^usage\/address: --metrics got "9100"/);
  assert.match(await failure("unix:/tmp/metrics.sock"), /^usage\/address: --metrics got .*HOST:PORT/);
  assert.match(
    await failure(metricsAddress.replace("http://", "")),
    /^network\/address-in-use: .*another --metrics /,
  );
});

test("from time to time a line says how fast each client is served", async () => {
  const lines: object[] = [];
  const stream = { peer: "10.0.0.1:1234", totals: new StreamTotals() };
  const stop = startRateLog(() => [stream], { info: (line: object) => lines.push(line) } as never, 20);
  await new Promise((resolve) => setTimeout(resolve, 25));
  stream.totals.images += 640;
  stream.totals.bytes += 2_000_000;
  stream.totals.addWait("batch", 10);
  await until(() => lines.length > 0);
  stop();
  const [first] = lines as { client: string; imagesPerSecond: number; waits: { batch: number } }[];
  assert.is(first.client, "10.0.0.1:1234");
  assert.is(first.imagesPerSecond, 32_000);
  assert.is(first.waits.batch, 0.5);
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition(), "it never happened");
}

test.run();
