// Reductions: sums over ranks have the bits of one process that adds the same terms in order.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Group } from "../../client/node/collective/contract.js";
import { formRanks, type Ranks } from "./ranks.js";

const test = suite<{ ranks: Ranks[] }>("reductions");

test.before((context) => {
  context.ranks = [];
});
test.after.each(async ({ ranks }) => {
  for (const run of ranks.splice(0)) await run.close();
});

const PIECES = 12;

const SCALES = [1e-3, 1, 1e3, 1e6, 1e-6, 10, 1e4, 1e-1];

/** Values of each piece whose sum depends on the order: large and small ones, both signs, both zeros. */
function pieceValues(piece: number, count: number): Float32Array {
  let state = piece * 7919 + 1;
  const values = new Float32Array(count);
  for (let i = 1; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 32 - 0.5) * SCALES[(state >>> 8) & 7];
  }
  values[0] = -0;
  return values;
}

/** ((0 + g0) + g1) + … in float32. */
function reference(count: number, seed = 0): Float32Array {
  const sum = new Float32Array(count);
  for (let piece = 0; piece < PIECES; piece++) {
    const values = pieceValues(seed + piece, count);
    for (let i = 0; i < count; i++) sum[i] = Math.fround(sum[i] + values[i]);
  }
  return sum;
}

function termsOf({ rank, world }: Group, count: number, seed = 0): Float32Array[] {
  const each = PIECES / world;
  return Array.from({ length: each }, (_, i) => pieceValues(seed + rank * each + i, count));
}

const bits = (values: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Several frames, the last one short. */
const COUNT = 300_007;

for (const world of [1, 2, 3, 4])
  test(`${world} ranks: the total has the bits of one process, on every rank`, async ({ ranks }) => {
    const run = await formRanks(world);
    ranks.push(run);
    const totals = await Promise.all(
      run.formed.map(async ({ group }) => {
        const terms = termsOf(group, COUNT);
        const [into] = terms;
        await group.allReduce(terms, into);
        return into;
      }),
    );
    const expected = bits(reference(COUNT));
    for (const total of totals) assert.ok(Buffer.from(bits(total)).equals(expected));
    assert.equal(
      run.formed.map(({ group }) => [group.rank, group.world]),
      Array.from({ length: world }, (_, rank) => [rank, world]),
    );
  });

test("the order decides the bits of these values: another one gives other sums", () => {
  const sum = new Float32Array(COUNT);
  for (let piece = PIECES; piece-- > 0; ) {
    const values = pieceValues(piece, COUNT);
    for (let i = 0; i < COUNT; i++) sum[i] = Math.fround(sum[i] + values[i]);
  }
  assert.not.ok(Buffer.from(bits(sum)).equals(bits(reference(COUNT))));
});

test("several reductions are in flight at once, scalars between them, and each gets its own total", async ({
  ranks,
}) => {
  const run = await formRanks(3);
  ranks.push(run);
  const counts = [COUNT, 1, 2_500_000, 17, 200_000];
  const results = await Promise.all(
    run.formed.map(async ({ group }) => {
      const buckets = counts.map((count, bucket) => {
        const terms = termsOf(group, count, 100 * bucket);
        const into = new Float32Array(count);
        return group.allReduce(terms, into).then(() => into);
      });
      const each = PIECES / group.world;
      const scalars = group.sumScalars(
        Array.from({ length: each }, (_, i) => Float64Array.of(0.1 * (group.rank * each + i), 1)),
      );
      return { buckets: await Promise.all(buckets), scalars: await scalars };
    }),
  );
  let sum = 0;
  for (let piece = 0; piece < PIECES; piece++) sum += 0.1 * piece;
  for (const { buckets, scalars } of results) {
    assert.equal([...scalars], [sum, PIECES]);
    for (const [bucket, into] of buckets.entries())
      assert.ok(Buffer.from(bits(into)).equals(bits(reference(counts[bucket], 100 * bucket))), `${bucket}`);
  }
});

test("a rank that awaits each reduction, while others start many, gets its totals", async ({ ranks }) => {
  const run = await formRanks(2);
  ranks.push(run);
  const [first, second] = run.formed.map(({ group }) => group);
  const count = 1_500_000;
  const ahead = [1, 2, 3].map((seed) =>
    first.allReduce(termsOf(first, count, seed), new Float32Array(count)),
  );
  for (const seed of [1, 2, 3]) {
    const into = new Float32Array(count);
    await second.allReduce(termsOf(second, count, seed), into);
    assert.ok(Buffer.from(bits(into)).equals(bits(reference(count, seed))));
  }
  await Promise.all(ahead);
});

for (const transport of ["float16", "bfloat16"] as const)
  test(`${transport}: all ranks have the same rounded total`, async ({ ranks }) => {
    const run = await formRanks(3, { transport });
    ranks.push(run);
    const count = 400_001;
    const totals = await Promise.all(
      run.formed.map(async ({ group }) => {
        const terms = termsOf(group, count).map((term) => term.map((value) => (value % 1000) / 100));
        const into = new Float32Array(count);
        await group.allReduce(terms, into);
        return into;
      }),
    );
    const exact = new Float32Array(count);
    for (let piece = 0; piece < PIECES; piece++) {
      const values = pieceValues(piece, count).map((value) => (value % 1000) / 100);
      for (let i = 0; i < count; i++) exact[i] += values[i];
    }
    for (const total of totals.slice(1)) assert.ok(Buffer.from(bits(total)).equals(bits(totals[0])));
    const step = transport === "float16" ? 2 ** -11 : 2 ** -8;
    // Three roundings of sums that are at most 120.
    for (let i = 0; i < count; i++) assert.ok(Math.abs(totals[0][i] - exact[i]) <= 3 * 120 * step, `${i}`);
    const { bytesSent } = run.formed[0].group.statistics();
    assert.is(bytesSent, 2 * 2 * count);
  });

test("statistics name the rank that the others waited for", async ({ ranks }) => {
  const run = await formRanks(3);
  ranks.push(run);
  const reduce = (group: Group) => group.allReduce(termsOf(group, 1000), new Float32Array(1000));
  const [first, second, third] = run.formed.map(({ group }) => group);
  const others = [reduce(first), reduce(third)];
  await new Promise((resolve) => setTimeout(resolve, 100));
  await Promise.all([...others, reduce(second)]);
  for (const group of [first, third]) {
    const { slowest, slowestFraction, waitSeconds, reductions } = group.statistics();
    assert.is(slowest, 1);
    assert.is(slowestFraction, 1);
    assert.ok(waitSeconds > 0.05);
    assert.is(reductions, 1);
  }
});

test.run();
