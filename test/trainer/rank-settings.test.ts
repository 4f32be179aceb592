// Rank settings: flags and launchers say which ranks a process is; what they leave open or get wrong is refused.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { argumentsOfOthers } from "../../bin/train/local-ranks.js";
import { type RankFlags, rankSettings } from "../../bin/train/rank-settings.js";
import { isVitrineError } from "../../runtime/errors.js";

const flags = (given: Partial<RankFlags> = {}): RankFlags => ({
  processes: 1,
  checkpointEvery: 500,
  waitForRanks: 300,
  ranksTimeout: 30,
  ringTransport: "float32",
  ...given,
});

test("without flags and launcher a run has one process", () => {
  assert.is(rankSettings(flags(), {}), null);
  assert.is(rankSettings(flags(), { RANK: "0", WORLD_SIZE: "1" }), null);
});

test("processes of one machine need no address", () => {
  const origin = null;
  assert.equal(rankSettings(flags({ processes: 4 }), {}), {
    rank: 0,
    world: 4,
    master: null,
    processes: 4,
    origin,
  });
});

test("torchrun's, Kubeflow's and an Indexed Job's variables are read", () => {
  const master = { MASTER_ADDR: "trainer-0.trainers", MASTER_PORT: "4000" };
  const torchrun = rankSettings(flags(), { RANK: "3", WORLD_SIZE: "8", ...master });
  assert.equal([torchrun?.rank, torchrun?.world, torchrun?.master], [3, 8, "trainer-0.trainers:4000"]);
  const kubeflow = rankSettings(flags(), {
    ...{ PET_NODE_RANK: "1", PET_NNODES: "4", PET_NPROC_PER_NODE: "2", PET_MASTER_ADDR: "2001:db8::1" },
  });
  assert.equal(
    [kubeflow?.rank, kubeflow?.world, kubeflow?.processes, kubeflow?.master],
    [2, 8, 2, "[2001:db8::1]:29500"],
  );
  const auto = rankSettings(flags(), {
    ...{ PET_NODE_RANK: "1", PET_NNODES: "4", PET_NPROC_PER_NODE: "auto", PET_MASTER_ADDR: "one" },
  });
  assert.equal([auto?.rank, auto?.world], [1, 4]);
  const indexed = rankSettings(flags({ world: 4 }), { JOB_COMPLETION_INDEX: "2", ...master });
  assert.equal([indexed?.rank, indexed?.world], [2, 4]);
});

test("flags go before the environment", () => {
  const given = flags({ rank: 1, world: 2, master: "127.0.0.1:5000" });
  const found = rankSettings(given, { RANK: "7", WORLD_SIZE: "8", MASTER_ADDR: "elsewhere" });
  assert.equal([found?.rank, found?.world, found?.master, found?.origin], [1, 2, "127.0.0.1:5000", null]);
});

test("a rank outside its world, one without an address, and a variable that is no number are refused", () => {
  const refused = (given: Partial<RankFlags>, variables: Record<string, string> = {}): string => {
    try {
      rankSettings(flags(given), variables);
    } catch (error) {
      assert.ok(isVitrineError(error));
      return `${error.code} ${error.message}`;
    }
    return assert.unreachable() as never;
  };
  assert.match(refused({ rank: 4, world: 4, master: "a:1" }), /usage\/rank ranks 4 to 4 of a world of 4/);
  assert.match(refused({ rank: 1, world: 2 }), /give --master HOST:PORT/);
  assert.match(refused({ world: 2, master: "a:1" }), /say which this process is \(--rank\)/);
  assert.match(refused({}, { WORLD_SIZE: "2" }), /WORLD_SIZE is 2, .*set RANK as well/);
  assert.match(refused({}, { RANK: "one", WORLD_SIZE: "2" }), /RANK is "one"/);
});

test("the other ranks of a machine get the flags that are not rank 0's own", () => {
  const given = [
    ...[
      "train",
      "--data",
      "photos",
      "--processes",
      "4",
      "--dashboard",
      "--json",
      "--threads=2",
      "--out",
      "runs/a",
    ],
    ...["--dashboard", "127.0.0.1:1", "--resume", "--master", "h:1", "--ranks-timeout", "5"],
  ];
  assert.equal(argumentsOfOthers(given), [
    "train",
    "--data",
    "photos",
    "--out",
    "runs/a",
    "--ranks-timeout",
    "5",
  ]);
});

test.run();
