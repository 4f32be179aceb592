// Data report: the bottleneck follows from the rates, in words, in lines of at most 80 columns; and the measurements
// of a data set and of a server have all their numbers.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DataFacts, ServerFacts } from "../../bin/doctor/data-facts.js";
import {
  bottleneckOf,
  dataReportLines,
  possibleRate,
  serverReportLines,
} from "../../bin/doctor/data-report.js";
import { killServers, runVitrine, startServer } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";

const test = suite<{ set: SyntheticDataSet }>("data report");

/** Milliseconds an image, and images a second. */
function facts(stages: Partial<DataFacts["stages"]>, rates: Partial<DataFacts> = {}): DataFacts {
  const ms = { read: 0.1, decode: 3, augment: 1, mix: 0.2, encode: 0.01, wire: 0.3, ...stages };
  const seconds = Object.fromEntries(Object.entries(ms).map(([name, value]) => [name, value / 1000]));
  return {
    ...{
      images: 1_281_167,
      workers: 2,
      cores: 8,
      batchSize: 64,
      size: 224,
      fileBytes: 110e3,
      megapixels: 0.2,
    },
    ...{ stages: seconds as DataFacts["stages"], together: 450, overGrpc: 440 },
    cpu: { together: 4.3e-3, overGrpc: 4.7e-3 },
    ...rates,
  };
}

test.before((context) => {
  context.set = createDataSet(40);
});

test.after(({ set }) => set.remove());

test.after.each(killServers);

test("the slowest stage is named, with what would help", () => {
  const cases: [DataFacts, string, RegExp][] = [
    [facts({}), "decode", /decoding, 71% of .*\(--workers, now 2 of 8 cores/],
    [
      facts({}, { workers: 8, together: 1_700, overGrpc: 1_650 }),
      "decode",
      /more cores, or data servers on other/,
    ],
    [facts({}, { megapixels: 12 }), "decode", /12\.0 megapixels on average: copies of about 500 pixels/],
    [facts({ augment: 4 }, { together: 260, overGrpc: 255 }), "augment", /augmentation, 56% .*\(--aa\)/],
    [
      facts({ read: 30 }, { together: 60, overGrpc: 60 }),
      "read",
      /reading: .*faster disk.*vitrine dataset pack/,
    ],
    [facts({}, { overGrpc: 200 }), "wire", /sending: over gRPC 200 of 450 images a second .*--data PATH/],
    [facts({}, { together: 150, overGrpc: 150 }), "cores", /2 threads make 150 of the 476 images a second/],
  ];
  for (const [found, bottleneck, words] of cases) {
    assert.is(bottleneckOf(found), bottleneck);
    const lines = dataReportLines(found);
    const advice = lines.slice(lines.findIndex((line) => line.startsWith("bottleneck"))).join(" ");
    assert.match(advice.replace(/\s+/g, " "), words);
    for (const line of lines) assert.ok(line.length <= 80, line);
  }
});

test("threads read their next pictures while they decode", () => {
  assert.is(Math.round(possibleRate(facts({ read: 2 }))), 476);
  assert.is(Math.round(possibleRate(facts({ read: 10 }))), 200);
});

test("of a server, what is waited for follows from when the parts of a batch arrive", () => {
  const server: ServerFacts = {
    ...{ address: "data-0.data:50051", images: 50_000, batchSize: 64, size: 224 },
    ...{ connectMs: 12, firstBatchMs: 240, rate: 900, transfer: 0.8 },
  };
  const said = (transfer: number) =>
    serverReportLines({ ...server, transfer })
      .join(" ")
      .replace(/\s+/g, " ");
  assert.match(said(0.8), /bottleneck transfer: batches are made, but arrive slowly/);
  assert.match(said(0.1), /bottleneck the server: it makes batches more slowly/);
  for (const line of serverReportLines(server)) assert.ok(line.length <= 80, line);
});

test("vitrine doctor --data measures a data set and a server", async ({ set }) => {
  const flags = ["--seconds", "0.05", "--size", "32", "--batch-size", "8", "--workers", "1", "--json"];
  const here = await runVitrine(["doctor", "--data", set.path, ...flags]);
  assert.is(here.status, 0, here.errors);
  const measured = JSON.parse(here.output) as DataFacts;
  assert.equal(Object.keys(measured.stages), ["read", "decode", "augment", "mix", "encode", "wire"]);
  for (const [stage, seconds] of Object.entries(measured.stages)) assert.ok(seconds >= 0, stage);
  assert.ok(measured.together > 0 && measured.overGrpc > 0 && measured.fileBytes > 100);
  assert.is(measured.images, 40);
  const { address } = await startServer(set.path);
  const there = await runVitrine(["doctor", "--data", address, ...flags]);
  assert.is(there.status, 0, there.errors);
  const served = JSON.parse(there.output) as ServerFacts;
  assert.ok(served.rate > 0 && served.transfer >= 0 && served.transfer <= 1);
  const missing = await runVitrine(["doctor", "--data", "/nonexistent", ...flags]);
  assert.match(missing.errors, /^vitrine: file\/not-found: \/nonexistent/);
});

test.run();
