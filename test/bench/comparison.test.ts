// A comparison of peers: one that hangs, at startup or in a round, is killed and listed with the reason.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compare, openblasEnvironment } from "../../bench/peers/comparison.js";

const READY = `console.log(JSON.stringify({ ready: [1, 2] }));`;
const ANSWERS = `${READY} process.stdin.on("data", () => console.log(JSON.stringify({ spans: [3, 1, 2] }))).on("end", () => process.exit(0));`;
/** Keeps running although its input has ended. */
const HANGS = `setInterval(() => {}, 1000);`;

const peer = (name: string, script: string) => ({ name, command: process.execPath, args: ["-e", script] });
const ONCE = { rounds: 1, roundMs: 1 };

test("a peer that hangs before it is ready or in a round has the limit's reason; one that answers in time has its figures", async () => {
  const limit = { ms: 1500, reason: "took too long" };
  const answers = await compare([peer("answers", ANSWERS)], { ...ONCE, limit: { ...limit, ms: 60_000 } });
  assert.equal(answers, {
    results: [{ name: "answers", medianMs: 2, bestMs: 1, calls: 3, check: [1, 2] }],
    absent: [],
  });
  for (const script of [HANGS, READY + HANGS]) {
    const { results, absent } = await compare([peer("hangs", script)], { ...ONCE, limit });
    assert.equal(results, []);
    assert.equal(absent, [{ name: "hangs", reason: "took too long" }]);
  }
});

test("a peer that cannot be started or exits by itself is listed with the reason", async () => {
  const { absent } = await compare(
    [
      { name: "nobody", command: "/no/such/program", args: [] },
      peer("ends", `console.error("error: no GPU"); process.exit(1);`),
    ],
    ONCE,
  );
  assert.match(absent[0]?.reason ?? "", /ENOENT/);
  assert.equal(absent[1], { name: "ends", reason: "error: no GPU" });
});

test("a Python peer does not inherit OpenBLAS's overrides, and reports the backend it chose", async () => {
  const names = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"];
  const script = `
    const backend = ${JSON.stringify(names)}.map((name) => process.env[name] ?? "unset").join();
    console.log(JSON.stringify({ ready: [], spans: [1], backend }));`;
  process.env.OPENBLAS_CORETYPE = "Prescott";
  process.env.OPENBLAS_L2_SIZE = "1";
  try {
    const { results } = await compare([{ ...peer("blas", script), env: openblasEnvironment(2) }], ONCE);
    assert.is(results[0]?.backend, "unset,unset,2");
  } finally {
    delete process.env.OPENBLAS_CORETYPE;
    delete process.env.OPENBLAS_L2_SIZE;
  }
});

test.run();
