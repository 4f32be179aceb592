// Cluster simulation: where one part limits the others, the prediction is what arithmetic says; and a stream of the real
// client and server keeps the rules that the simulation assumes.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Cluster, simulateCluster } from "../../bin/simulate/cluster.js";
import { predictionLines } from "../../bin/simulate/report.js";
import { runVitrine } from "../data/server-process.js";
import { createDataSet } from "../data/synthetic-data-set.js";

/** Everything is fast but what a test slows down. */
const FAST: Cluster = {
  ...{ servers: 1, workers: 4, trainers: 1, ranks: false, batchSize: 64, imageBytes: 150_528 },
  ...{ decodeSeconds: 1e-6, sendSeconds: 1e-7, fileBytes: 100e3, storageLatency: 0, storageRate: 1e12 },
  ...{ cached: 0, readAhead: 2, networkLatency: 0, networkRate: 1e12, creditBatches: 6, stepSeconds: 0 },
  batches: 200,
};

function near(found: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(found / expected - 1) < tolerance, `${what}: ${found}, expected ${expected}`);
}

test("decoding: threads times servers over the time of an image, for any number of trainers", () => {
  for (const [servers, workers, trainers] of [
    [1, 4, 1],
    [3, 8, 1],
    [2, 4, 6],
    [0, 3, 2],
  ]) {
    const { rate, use } = simulateCluster({ ...FAST, servers, workers, trainers, decodeSeconds: 4e-3 });
    near(rate, (workers * (servers === 0 ? trainers : servers)) / 4e-3, 0.06, `${servers} servers`);
    assert.ok(use.decode > 0.93, `${use.decode}`);
  }
});

test("training: one batch a step, nothing waits; ranks have a part of it each", () => {
  const trained = simulateCluster({ ...FAST, trainers: 3, stepSeconds: 0.1 });
  near(trained.rate, (3 * 64) / 0.1, 0.01, "three trainers");
  assert.ok(trained.dataWait < 0.01);
  near(
    simulateCluster({ ...FAST, trainers: 4, ranks: true, stepSeconds: 0.1 }).rate,
    64 / 0.1,
    0.01,
    "ranks",
  );
});

test("network: a server's link, and where many servers send to one trainer, that one's", () => {
  const slow = { ...FAST, networkRate: 125e6 };
  near(simulateCluster(slow).rate, 125e6 / 150_528, 0.03, "one server");
  near(simulateCluster({ ...slow, servers: 4 }).rate, 125e6 / 150_528, 0.03, "four servers, one trainer");
  near(
    simulateCluster({ ...slow, servers: 4, trainers: 8 }).rate,
    (4 * 125e6) / 150_528,
    0.05,
    "eight trainers",
  );
});

test("storage: its rate for what is not cached; latency is hidden by reading ahead", () => {
  near(simulateCluster({ ...FAST, storageRate: 50e6 }).rate, 500, 0.05, "50 MB/s of 100 kB");
  near(simulateCluster({ ...FAST, storageRate: 50e6, cached: 0.5 }).rate, 1000, 0.08, "half of it cached");
  const remote = { ...FAST, storageLatency: 0.03, decodeSeconds: 3e-3 };
  const [two, eight] = [2, 8].map((readAhead) => simulateCluster({ ...remote, readAhead }).rate);
  near(two, (4 * 2 * 2) / (0.03 + 6e-3), 0.1, "two pairs a thread in flight, then they are decoded");
  near(eight, 4 / 3e-3, 0.08, "eight pairs a thread");
});

test("latency: a window of one batch costs a round trip a batch, a wider one hides it", () => {
  const far = { ...FAST, networkLatency: 0.1, stepSeconds: 0.02 };
  near(simulateCluster({ ...far, creditBatches: 1 }).rate, 64 / 0.12, 0.03, "one batch");
  near(simulateCluster({ ...far, creditBatches: 8 }).rate, 64 / 0.02, 0.03, "eight batches");
});

test("the serving thread sends one image after another", () => {
  near(simulateCluster({ ...FAST, sendSeconds: 1e-3 }).rate, 1000, 0.03, "one server");
  near(simulateCluster({ ...FAST, sendSeconds: 1e-3, servers: 3 }).rate, 3000, 0.03, "three servers");
});

test("the same cluster has the same prediction, and more of anything is never slower", () => {
  const mixed = {
    ...{ ...FAST, servers: 2, trainers: 3, decodeSeconds: 5e-3, storageLatency: 2e-3, networkLatency: 1e-3 },
    ...{ networkRate: 3e8, stepSeconds: 0.15 },
  };
  const base = simulateCluster(mixed);
  assert.equal(simulateCluster(mixed), base);
  for (const more of [
    { workers: 8 },
    { servers: 4 },
    { networkRate: 1e9 },
    { cached: 1 },
    { creditBatches: 12 },
  ])
    assert.ok(simulateCluster({ ...mixed, ...more }).rate > 0.98 * base.rate, JSON.stringify(more));
});

test("what limits the cluster is said in lines of at most 80 columns", () => {
  const cases: [Partial<Cluster>, RegExp][] = [
    [{ decodeSeconds: 4e-3, stepSeconds: 0.02 }, /limit +decoding: about 15 threads a server/],
    [{ stepSeconds: 0.1 }, /limit +the trainers: batches are there/],
    [{ networkRate: 125e6, stepSeconds: 0.02 }, /limit +the servers' links/],
    [{ networkRate: 125e6, servers: 4, stepSeconds: 0.02 }, /limit +the trainers' links/],
    [{ storageRate: 50e6, stepSeconds: 0.02 }, /limit +storage: a faster drive/],
    [{ sendSeconds: 1e-3, stepSeconds: 0.02 }, /limit +the serving thread/],
    [
      { networkLatency: 0.1, creditBatches: 1, stepSeconds: 0.02 },
      /limit +latency: no part is busy all the time/,
    ],
  ];
  for (const [slow, words] of cases) {
    const cluster = { ...FAST, ...slow };
    const lines = predictionLines(cluster, simulateCluster(cluster));
    assert.match(lines.join("\n"), words);
    for (const line of lines) assert.ok(line.length <= 80, line);
  }
});

test("vitrine simulate prints a prediction, refuses what cannot be, and checks itself on a data set", async () => {
  const plain = await runVitrine(["simulate", "--trainers", "4", "--ranks", "--json"]);
  assert.is(plain.status, 0, plain.errors);
  assert.ok(JSON.parse(plain.output).rate > 0);
  const odd = await runVitrine(["simulate", "--trainers", "3", "--ranks"]);
  assert.match(odd.errors, /usage\/rank: a batch of 64 cannot be divided among 3 ranks/);
  const set = createDataSet(24);
  const flags = ["--seconds", "0.05", "--size", "32", "--batch-size", "8", "--workers", "1", "--json"];
  const check = await runVitrine(["simulate", "--check", set.path, ...flags]);
  set.remove();
  assert.is(check.status, 0, check.errors);
  type Pair = { predicted: number; measured: number };
  const { checks } = JSON.parse(check.output) as { checks: { rate: Pair; cpuMs: Pair }[] };
  assert.is(checks.length, 2);
  for (const { predicted, measured } of checks.flatMap(({ rate, cpuMs }) => [rate, cpuMs]))
    assert.ok(predicted > 0 && measured > 0);
});

test("without decode threads the serving process decodes, as with one", async () => {
  const rate = async (workers: string): Promise<number> =>
    JSON.parse((await runVitrine(["simulate", "--workers", workers, "--json"])).output).rate;
  const none = await rate("0");
  assert.ok(none > 0);
  assert.is(none, await rate("1"));
});

test.run();
