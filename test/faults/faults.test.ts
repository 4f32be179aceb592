// Faults: decode threads and servers are killed at random moments, and no batch is lost, repeated or changed. `npm run
// faults -- 50` does more of it, with trainers; test/e2e/resume.test.ts kills trainers.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { killServers } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { createChance } from "./chance.js";
import { divided, STREAM_SCENARIOS } from "./scenarios.js";

const test = suite<{ set: SyntheticDataSet }>("faults");

const SEED = Number(process.env.VITRINE_FAULT_SEED ?? Date.now() % 100_000);

test.before((context) => {
  context.set = createDataSet(40);
});

test.after(({ set }) => set.remove());

test.after.each(killServers);

for (const [index, { name, run }] of STREAM_SCENARIOS.entries()) {
  const faults = index === 0 ? 4 : 1;
  test(`${name}, ${faults} times`, async ({ set }) => {
    const outcome = await run(set.path, faults, createChance(SEED + index));
    assert.equal(outcome, { ...outcome, faults, equal: true }, `seed ${SEED}`);
  });
}

test("faults are divided evenly", () => {
  assert.equal(divided(50, 6), [9, 9, 8, 8, 8, 8]);
  assert.equal(divided(2, 3), [1, 1, 0]);
});

test.run();
