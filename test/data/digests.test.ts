// Batch k of epoch e is the same bytes for any number of decode threads, over gRPC, for two clients at once, and on
// every Node.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../client/node/data-client.js";
import type { BatchSource } from "../../runtime/batches/batch-source.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { batchDigest } from "../../server/data/batch-digest.js";
import { startDataServer } from "../../server/data/data-server.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { digestsOf, SMALL_RECIPE } from "./batch-digests.js";
import { runVitrine } from "./server-process.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ set: SyntheticDataSet; expected: string[] }>("digests");

/** 50 images make 7 batches of 7, with an image left over. */
const SETTINGS = { recipe: SMALL_RECIPE, batchSize: 7, seed: 5, badSamples: "fail" } as const;
const FROM = { epoch: 0, batch: 5 };
const COUNT = 5;

async function local(set: SyntheticDataSet, workers: number): Promise<BatchSource> {
  return openPipeline({ ...SETTINGS, dataset: await openDataset(set.path), workers });
}

async function localDigests(set: SyntheticDataSet, workers: number): Promise<string[]> {
  const source = await local(set, workers);
  try {
    return await digestsOf(source, FROM, COUNT);
  } finally {
    await source.close();
  }
}

test.before(async (context) => {
  context.set = createDataSet(50);
  context.expected = await localDigests(context.set, 0);
});

test.after(({ set }) => set.remove());

test("digests are equal with 0, 1 and 2 workers, across the end of an epoch", async ({ set, expected }) => {
  assert.equal(
    expected.map((line) => line.split(" ")[0]),
    ["0.5", "0.6", "1.0", "1.1", "1.2"],
  );
  assert.is(new Set(expected).size, COUNT, "no two batches are alike");
  assert.equal(await localDigests(set, 1), expected);
  assert.equal(await localDigests(set, 2), expected);
});

test("two clients of one server, at different speeds, get the pipeline's bytes", async ({
  set,
  expected,
}) => {
  const server = await startDataServer({
    data: set.path,
    listen: "127.0.0.1:0",
    workers: 2,
    badSamples: "fail",
  });
  const clients = await Promise.all([0, 1].map(() => connectData({ ...SETTINGS, address: server.address })));
  try {
    const [fast, slow] = await Promise.all(
      clients.map((client, which) =>
        digestsOf(client, FROM, COUNT, async () => {
          if (which === 1) await new Promise((resolve) => setTimeout(resolve, 20));
        }),
      ),
    );
    assert.equal(fast, expected);
    assert.equal(slow, expected);
    assert.is(clients[0]?.batchesPerEpoch, 7);
    assert.equal(clients[0]?.description.classes, ["cat", "dog", "emu"]);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await server.close();
  }
});

test("the simple random crop reaches the server, and gives the pipeline's bytes", async ({
  set,
  expected,
}) => {
  const settings = { ...SETTINGS, recipe: { ...SMALL_RECIPE, simpleCrop: true, autoAugment: "3a" } };
  const here = await openPipeline({ ...settings, dataset: await openDataset(set.path), workers: 0 });
  const wanted = await digestsOf(here, FROM, 2);
  await here.close();
  assert.not.equal(wanted, expected.slice(0, 2));
  const listen = { listen: "127.0.0.1:0", workers: 1, badSamples: "fail" } as const;
  const server = await startDataServer({ data: set.path, ...listen });
  const client = await connectData({ ...settings, address: server.address });
  try {
    assert.equal(await digestsOf(client, FROM, 2), wanted);
  } finally {
    await client.close();
    await server.close();
  }
});

test("an epoch contains each image at most once, mixed with the partner from the other end", async ({
  set,
}) => {
  const source = await local(set, 0);
  let images = 0;
  for await (const batch of source.batches({ epoch: 3, batch: 0 })) {
    if (batch.cursor.epoch > 3) break;
    images += batch.count;
    for (let b = 0; b < batch.count; b++) {
      const mixed = (batch.lambdas[b] as number) < 1;
      const partner = batch.labels[mixed ? batch.count - 1 - b : b];
      assert.is(batch.partnerLabels[b], partner);
    }
  }
  await source.close();
  assert.is(images, 49);
});

test("another seed, epoch or batch size gives other bytes", async ({ set, expected }) => {
  const source = await openPipeline({
    ...SETTINGS,
    dataset: await openDataset(set.path),
    seed: 6,
    workers: 0,
  });
  const other = await digestsOf(source, FROM, 1);
  await source.close();
  assert.not.equal(other[0], expected[0]);
});

interface DigestAnswer {
  digests: string[];
  images: number;
}

async function commandDigests(
  set: SyntheticDataSet,
  workers: number,
  node?: string[],
): Promise<DigestAnswer> {
  const flags = [
    "--seed",
    "3",
    "--epoch",
    "1",
    "--batch-size",
    "8",
    "--size",
    "32",
    "--batches",
    "3",
    "--json",
  ];
  const run = await runVitrine(
    ["data", "digest", "--data", set.path, "--workers", `${workers}`, ...flags],
    node,
  );
  assert.is(run.status, 0, run.errors);
  return JSON.parse(run.output.trim().split("\n").at(-1) as string);
}

test("vitrine data digest prints the pipeline's digests, with 0 and 2 workers", async ({ set }) => {
  const recipe = { ...SMALL_RECIPE, eraseProbability: 0.25 };
  const source = await openPipeline({
    dataset: await openDataset(set.path),
    recipe,
    batchSize: 8,
    seed: 3,
    workers: 0,
    badSamples: "fail",
  });
  const digests: string[] = [];
  for await (const batch of source.batches({ epoch: 1, batch: 0 })) {
    digests.push(batchDigest(batch));
    if (digests.length === 3) break;
  }
  await source.close();
  for (const workers of [0, 2]) {
    const answer = await commandDigests(set, workers);
    assert.equal(answer.digests, digests);
    assert.is(answer.images, 50);
  }
});

test("vitrine data digest takes every flag of the trainer's augmentation", async ({ set }) => {
  const flags = (
    "--seed 3 --batch-size 8 --size 32 --batches 2 --workers 0 --json --mixup 0.3 --cutmix 0 --cutmix-minmax 0.2,0.8 " +
    "--mixup-prob 0.9 --mixup-switch-prob 0.3 --mixup-mode elem --hflip 0 --scale 0.5,1 --ratio 1,1.5 --reprob 0.7 " +
    "--remode const --recount 3 --aa rand-m5-n1 --color-jitter 0.1 --train-interpolation random --repeats 2"
  ).split(" ");
  const run = await runVitrine(["data", "digest", "--data", set.path, ...flags]);
  assert.is(run.status, 0, run.errors);
  const recipe: AugmentationRecipe = {
    ...{ size: 32, mixup: 0.3, cutmix: 0, cutmixMinmax: [0.2, 0.8], mixProbability: 0.9, mixOffEpoch: 0 },
    ...{ mixSwitchProbability: 0.3, mixMode: "elem", flip: 0, scale: [0.5, 1], ratio: [1, 1.5] },
    ...{ eraseProbability: 0.7, eraseMode: "const", eraseCount: 3, autoAugment: "rand-m5-n1" },
    ...{ colorJitter: 0.1, interpolation: "random", repeats: 2, simpleCrop: false, shuffleWindow: 0 },
  };
  const common = { batchSize: 8, seed: 3, workers: 0, badSamples: "fail" } as const;
  const source = await openPipeline({ ...common, dataset: await openDataset(set.path), recipe });
  const expected = await digestsOf(source, { epoch: 0, batch: 0 }, 2);
  await source.close();
  assert.equal(
    JSON.parse(run.output).digests,
    expected.map((line) => line.split(" ")[1]),
  );
  const plain = await runVitrine(["data", "digest", "--data", set.path, ...flags, "--no-aug"]);
  assert.is(plain.status, 0, plain.errors);
});

if (process.env.CI === "true") {
  test("digests are equal on Node 20 and Node 24", async ({ set }) => {
    const versions = ["20", "24"].map((version) => ["npx", "-y", "-p", `node@${version}`, "node"]);
    const [older, newer] = await Promise.all(versions.map((node) => commandDigests(set, 1, node)));
    assert.equal(older?.digests, newer?.digests);
    assert.is(older?.digests.length, 3);
  });
} else console.log("skipped: digests on Node 20 and Node 24 (set CI=true; npx fetches the two versions)");

test.run();
