// Outage: an object store that fails for longer than the retries is a data server that is away for a while: its client
// waits and goes on with the same batches. A refusal ends the stream, also where bad samples are skipped.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../../client/node/index.js";
import { isVitrineError } from "../../../runtime/errors.js";
import { type DataServer, startDataServer } from "../../../server/data/data-server.js";
import { openDataset } from "../../../server/data/open-dataset.js";
import { openPipeline } from "../../../server/data/pipeline.js";
import { digestsOf, SMALL_RECIPE } from "../batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "../synthetic-data-set.js";
import { type ObjectServer, startObjectServer } from "./object-server.js";

interface Context {
  set: SyntheticDataSet;
  server: ObjectServer;
  data: DataServer;
}

const test = suite<Context>("object store outage");
const BATCHES = 6;
const PLAN = { recipe: SMALL_RECIPE, batchSize: 8, seed: 9 };

test.before(async (context) => {
  process.env.AWS_ACCESS_KEY_ID = "test";
  process.env.AWS_SECRET_ACCESS_KEY = "5ecre7";
  context.set = createDataSet(COUNT);
  context.server = await startObjectServer();
  for (const entry of readdirSync(context.set.path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    context.server.objects.set(`bucket/${path.slice(context.set.path.length + 1)}`, readFileSync(path));
  }
  const retry = { retries: 1, baseMs: 1, capMs: 2, deadlineMs: 1_000 };
  context.data = await startDataServer({
    ...{ data: "s3://bucket", listen: "127.0.0.1:0", workers: 1, badSamples: "skip" },
    remote: { s3Endpoint: context.server.url, retry },
    log: pino({ level: "silent" }),
  });
});

const COUNT = 48;

test.after(async ({ set, server, data }) => {
  await data.close();
  await server.close();
  set.remove();
});

const refuse =
  (code: number): NonNullable<ObjectServer["fault"]> =>
  (_, response) => {
    response.writeHead(code);
    response.end();
    return true;
  };

test("a client waits for a store that fails, and gets every batch, once", async ({ set, server, data }) => {
  const local = await openPipeline({
    ...PLAN,
    dataset: await openDataset(set.path),
    workers: 0,
    badSamples: "fail",
  });
  const expected = await digestsOf(local, { epoch: 0, batch: 0 }, BATCHES);
  await local.close();
  const notices: string[] = [];
  const source = await connectData({
    ...PLAN,
    address: data.address,
    onNotice: (text) => notices.push(text),
  });
  let refused = 0;
  server.fault = (request, response) => {
    // The first batch comes through.
    if (server.requests.length < COUNT / 3 || refused >= 12) return false;
    refused++;
    return refuse(503)(request, response);
  };
  server.requests.length = 0;
  const found = await digestsOf(source, { epoch: 0, batch: 0 }, BATCHES);
  await source.close();
  server.fault = null;
  assert.equal(found, expected);
  assert.is(refused, 12);
  assert.is(data.service.skipped(), 0);
});

test("refused credentials end the stream with their code, and no sample is skipped", async ({
  server,
  data,
}) => {
  server.fault = refuse(403);
  const source = await connectData({ ...PLAN, address: data.address, timeoutSeconds: 1 });
  try {
    await digestsOf(source, { epoch: 1, batch: 0 }, 1);
    assert.unreachable();
  } catch (error) {
    assert.ok(isVitrineError(error));
    assert.match((error as Error).message, "access is refused (HTTP 403");
  } finally {
    server.fault = null;
    await source.close();
  }
  assert.is(data.service.skipped(), 0);
});

test.run();
