// Retry budget: counted from the first of consecutive failures; final errors are thrown at once; waits grow.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { RetryBudget } from "../../client/node/retry-budget.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";

const AWAY = new VitrineError("network/unavailable", "connection refused");
const isAway = (error: unknown): error is VitrineError => isVitrineError(error) && error.code === AWAY.code;

function budgetOf(seconds: number): { budget: RetryBudget; notices: string[] } {
  const notices: string[] = [];
  const giveUp = (reason: string) => new VitrineError("network/data-server-gone", `gone: ${reason}`);
  const onNotice = (text: string) => notices.push(text);
  return { budget: new RetryBudget({ seconds, isTransient: isAway, giveUp, onNotice }), notices };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error) => (isVitrineError(error) ? error.code : String(error)),
  );
}

test("a final error is thrown at once and unchanged", async () => {
  const { budget, notices } = budgetOf(60);
  const final = new VitrineError("jpeg/truncated", "a.jpg");
  assert.is(await codeOf(budget.wait(final)), "jpeg/truncated");
  assert.equal(notices, []);
  assert.is(budget.leftMs, 60_000);
});

test("consecutive failures share one budget, and then the last reason is reported", async () => {
  const { budget, notices } = budgetOf(0.5);
  const start = performance.now();
  let code = "none";
  for (let tries = 0; code === "none" && tries < 100; tries++) code = await codeOf(budget.wait(AWAY));
  assert.is(code, "network/data-server-gone");
  assert.ok(performance.now() - start >= 490, `gave up after ${performance.now() - start} ms`);
  assert.equal(notices, ["waiting for the data server (connection refused), up to 0.5 s"]);
});

test("a success restores the whole budget, and reports once that the server is back", async () => {
  const { budget, notices } = budgetOf(60);
  await budget.wait(AWAY);
  assert.ok(budget.leftMs < 60_000);
  budget.reset();
  budget.reset();
  assert.is(budget.leftMs, 60_000);
  assert.equal(notices.slice(1), ["the data server is back"]);
});

test("waits grow with each failure, and start small again after a success", async () => {
  const { budget } = budgetOf(60);
  const timed = async (): Promise<number> => {
    const start = performance.now();
    await budget.wait(AWAY);
    return performance.now() - start;
  };
  await timed();
  await timed();
  const third = await timed();
  // 100 · 1.6² less at most a fifth.
  assert.ok(third >= 200, `the third wait took ${third} ms`);
  const firsts: number[] = [];
  for (let i = 0; i < 3; i++) {
    budget.reset();
    firsts.push(await timed());
  }
  assert.ok(Math.min(...firsts) < third, `${firsts} ms after a success, ${third} ms before`);
});

test("without a budget, the first failure is the last", async () => {
  const { budget, notices } = budgetOf(0);
  assert.is(await codeOf(budget.wait(AWAY)), "network/data-server-gone");
  assert.equal(notices, []);
});

test.run();
