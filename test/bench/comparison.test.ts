// A contest's limit: who hangs, at its start or in a round, is ended, and the reason is told.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { contest } from "../../bench/peers/comparison.js";

const READY = `console.log(JSON.stringify({ ready: [1, 2] }));`;
const ANSWERS = `${READY} process.stdin.on("data", () => console.log(JSON.stringify({ spans: [3, 1, 2] }))).on("end", () => process.exit(0));`;
/** Stays although its input has ended. */
const HANGS = `setInterval(() => {}, 1000);`;

const who = (name: string, script: string) => ({ name, command: process.execPath, args: ["-e", script] });
const ONCE = { rounds: 1, roundMs: 1 };

test("who hangs before it is ready or in a round has the limit's reason; who answers in time has its figures", async () => {
  const limit = { ms: 1500, reason: "took too long" };
  const answers = await contest([who("answers", ANSWERS)], { ...ONCE, limit: { ...limit, ms: 60_000 } });
  assert.equal(answers, {
    results: [{ name: "answers", medianMs: 2, bestMs: 1, calls: 3, check: [1, 2] }],
    absent: [],
  });
  for (const script of [HANGS, READY + HANGS]) {
    const { results, absent } = await contest([who("hangs", script)], { ...ONCE, limit });
    assert.equal(results, []);
    assert.equal(absent, [{ name: "hangs", reason: "took too long" }]);
  }
});

test("who cannot be started, and who ends by itself, say why", async () => {
  const { absent } = await contest(
    [
      { name: "nobody", command: "/no/such/program", args: [] },
      who("ends", `console.error("error: no GPU"); process.exit(1);`),
    ],
    ONCE,
  );
  assert.match(absent[0]?.reason ?? "", /ENOENT/);
  assert.equal(absent[1], { name: "ends", reason: "error: no GPU" });
});

test.run();
