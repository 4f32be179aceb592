// Rank times: a rank that computes much longer than the others is named, and no other.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { slowRank } from "../../trainer/ranks/rank-times.js";

test("the rank that the others wait for is named, with how much longer it computes", () => {
  assert.equal(slowRank([100, 101, 160, 99]), { rank: 2, times: 1.6 });
  assert.equal(slowRank([100, 200]), { rank: 1, times: 2 });
});

test("ranks that differ a little, or a single one, are not", () => {
  assert.is(slowRank([100, 120, 110, 125]), null);
  assert.is(slowRank([100]), null);
});

test.run();
