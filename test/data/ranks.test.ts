// Ranks: trainers that share a run get parts of the batches that a single one gets, byte for byte, however many there
// are, and decode no image twice where the parts are even.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../client/node/data-client.js";
import { createBatchMaker } from "../../runtime/batches/batch-maker.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { placesOfRank, type Rank } from "../../runtime/draw/ranks.js";
import type { AugmentationRecipe } from "../../runtime/draw/recipe.js";
import { isVitrineError } from "../../runtime/errors.js";
import { startDataServer } from "../../server/data/data-server.js";
import { openDecodePool } from "../../server/data/decode-pool.js";
import type { DecodePool } from "../../server/data/decode-task.js";
import { locatedDataset } from "../../server/data/located-dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { openPipeline } from "../../server/data/pipeline.js";
import { SMALL_RECIPE } from "./batch-digests.js";
import { digestOfPart, type Part, partsOf, unionOf } from "./rank-union.js";
import { runVitrine } from "./server-process.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ set: SyntheticDataSet }>("ranks");

interface Case extends Rank {
  batchSize: number;
  recipe?: Partial<AugmentationRecipe>;
  badSamples?: BadSamples;
}

async function parts(set: SyntheticDataSet, options: Case, from = 0, count = 2): Promise<Part[]> {
  const recipe = { ...SMALL_RECIPE, ...options.recipe };
  const shared = { badSamples: "fail", seed: 5, workers: 0 } as const;
  const source = await openPipeline({ ...shared, ...options, recipe, dataset: await openDataset(set.path) });
  try {
    return await partsOf(source, { epoch: 1, batch: from }, count);
  } finally {
    await source.close();
  }
}

async function expectUnion(set: SyntheticDataSet, options: Case, worlds: readonly number[]): Promise<void> {
  const whole = await parts(set, options);
  for (const world of worlds) {
    const ranks = await Promise.all(
      Array.from({ length: world }, (_, rank) => parts(set, { ...options, rank, world })),
    );
    whole.forEach((batch, index) => {
      const together = unionOf(
        options.batchSize,
        ranks.map((rank) => rank[index]),
      );
      assert.is(digestOfPart(together), digestOfPart(batch), `world ${world}, batch ${index}`);
    });
  }
}

test.before((context) => {
  context.set = createDataSet(50);
});

test.after(({ set }) => set.remove());

test("every place of a batch has one rank, and the parts of more ranks are parts of those of fewer", async () => {
  for (const batchSize of [1, 2, 6, 7, 8, 12, 21, 64]) {
    for (let world = 1; world <= batchSize; world++) {
      if (batchSize % world !== 0) continue;
      const places = Array.from({ length: world }, (_, rank) => [
        ...placesOfRank(batchSize, { rank, world }),
      ]);
      assert.equal(
        places.flat().sort((a, b) => a - b),
        Array.from({ length: batchSize }, (_, place) => place),
      );
      for (let fine = world; fine <= batchSize; fine += world) {
        if (batchSize % fine !== 0) continue;
        const ratio = fine / world;
        places.forEach((coarse, rank) => {
          const inside = Array.from({ length: ratio }, (_, i) => [
            ...placesOfRank(batchSize, { rank: rank * ratio + i, world: fine }),
          ]);
          assert.equal(
            inside.flat().sort((a, b) => a - b),
            coarse,
          );
        });
      }
    }
  }
});

test("in an even part, partners are symmetric about the middle, as in a whole batch", async () => {
  for (const [batchSize, world] of [
    [8, 2],
    [12, 3],
    [64, 16],
  ])
    for (let rank = 0; rank < world; rank++) {
      const places = placesOfRank(batchSize, { rank, world });
      places.forEach((place, row) => {
        assert.is(places[places.length - 1 - row], batchSize - 1 - place);
      });
    }
});

test("a part of a rank's own batch is a part of the whole one: pieces are the same for any world", () => {
  const [batchSize, pieces] = [48, 8];
  for (const world of [1, 2, 4, 8])
    for (let rank = 0; rank < world; rank++) {
      const own = placesOfRank(batchSize, { rank, world });
      const count = pieces / world;
      for (let piece = 0; piece < count; piece++) {
        const rows = placesOfRank(own.length, { rank: piece, world: count });
        const places = rows.map((row) => own[row]);
        assert.equal(
          [...places],
          [...placesOfRank(batchSize, { rank: rank * count + piece, world: pieces })],
        );
      }
    }
});

for (const mixMode of ["batch", "pair", "elem"] as const)
  test(`1, 2 and 4 ranks together have the batch of one: mode ${mixMode}, repeated augmentation`, async ({
    set,
  }) => expectUnion(set, { batchSize: 8, recipe: { mixMode, repeats: 3 } }, [1, 2, 4, 8]));

test("also where partners are on two ranks, and in an odd batch", async ({ set }) => {
  await expectUnion(set, { batchSize: 12 }, [3, 4, 12]);
  await expectUnion(set, { batchSize: 9, recipe: { mixMode: "elem" } }, [3, 9]);
});

test("a bad file is skipped, and its partner not mixed, on whichever ranks they are", async () => {
  const set = createDataSet(24, { damaged: [3, 4, 11] });
  try {
    const options = { batchSize: 12, badSamples: "skip" } as const;
    const whole = await parts(set, options);
    assert.is(whole.flatMap(({ weights }) => [...weights]).filter((weight) => weight === 0).length, 3);
    await expectUnion(set, options, [2, 4, 12]);
  } finally {
    set.remove();
  }
});

/** Samples that a rank decodes for its part of a batch. */
async function decoded(set: SyntheticDataSet, options: Case): Promise<number> {
  const { pool, math } = await openDecodePool(0);
  let samples = 0;
  const counting: DecodePool = {
    ...pool,
    run: (task, batch, signal) => {
      if (task.kind === "training") samples += task.samples.length;
      return pool.run(task, batch, signal);
    },
  };
  const recipe = { ...SMALL_RECIPE, ...options.recipe };
  const all = { seed: 5, badSamples: "fail", ...options, recipe } as const;
  const maker = createBatchMaker(counting, math, locatedDataset(await openDataset(set.path)), all);
  await maker.make({ epoch: 0, batch: 0 }, pool.allocate(maker.pixelBytes), new AbortController().signal);
  await pool.close();
  return samples;
}

test("a rank decodes its own samples, and at most two partners on others", async ({ set }) => {
  assert.is(await decoded(set, { batchSize: 48, rank: 3, world: 4 }), 12);
  assert.is(await decoded(set, { batchSize: 12, rank: 0, world: 4 }), 4);
  assert.is(await decoded(set, { batchSize: 9, rank: 1, world: 3 }), 4);
  assert.is(await decoded(set, { batchSize: 12, rank: 1, world: 12 }), 2);
  const unmixed = { mixup: 0, cutmix: 0 };
  assert.is(await decoded(set, { batchSize: 12, rank: 1, world: 12, recipe: unmixed }), 1);
});

test("over gRPC a rank gets its part, and the world may change at any batch", async ({ set }) => {
  const server = await startDataServer({
    data: set.path,
    listen: "127.0.0.1:0",
    workers: 1,
    badSamples: "fail",
  });
  const settings = { address: server.address, recipe: SMALL_RECIPE, batchSize: 8, seed: 5 };
  const [whole, then] = await parts(set, { batchSize: 8 }, 3, 2);
  const read = async (world: number, batch: number): Promise<Part> => {
    const ranks = await Promise.all(
      Array.from({ length: world }, (_, rank) => connectData({ ...settings, rank, world })),
    );
    const got = await Promise.all(ranks.map((source) => partsOf(source, { epoch: 1, batch: batch }, 1)));
    assert.is(got[0][0].labels.length, 8 / world);
    await Promise.all(ranks.map((source) => source.close()));
    return unionOf(
      8,
      got.map(([first]) => first),
    );
  };
  try {
    assert.is(digestOfPart(await read(4, 3)), digestOfPart(whole));
    assert.is(digestOfPart(await read(2, 4)), digestOfPart(then));
    for (const rank of [{ rank: 2, world: 2 }, { world: 3 }, { rank: -1 }, { world: 0.5 }]) {
      const error = await connectData({ ...settings, ...rank }).catch((reason: unknown) => reason);
      assert.ok(isVitrineError(error) && error.code === "usage/rank", JSON.stringify(rank));
    }
  } finally {
    await server.close();
  }
});

test("vitrine data digest --rank --world prints the digests of a part", async ({ set }) => {
  const flags = ["--batch-size", "8", "--size", "32", "--batches", "1", "--workers", "0", "--json"];
  const digest = async (...part: string[]) => {
    const run = await runVitrine(["data", "digest", "--data", set.path, ...flags, ...part]);
    return { ...run, answer: run.status === 0 ? JSON.parse(run.output) : null };
  };
  const [first, second] = await Promise.all(
    [0, 1].map((rank) => digest("--rank", `${rank}`, "--world", "2")),
  );
  assert.is(first.answer?.world, 2, first.errors);
  assert.is.not(first.answer.digests[0], second.answer.digests[0]);
  const refused = await digest("--world", "3");
  assert.is(refused.status, 1);
  assert.match(refused.errors, /usage\/rank: a batch of 8 cannot be divided among 3 ranks/);
});

test.run();
