// Fuzzing of requests with a fixed seed: damaged messages of ModelInfer are answered or refused as the caller's fault, and
// none takes long. `npm run fuzz -- requests` continues with other seeds.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { generator, mutate } from "./mutate.js";
import { probeRequest, requests } from "./probe-requests.js";

/** CI continues for this long; elsewhere four thousand rounds are enough. */
const MILLISECONDS = process.env.CI ? 20_000 : 0;

test("every request is answered as it is", async () => {
  for (const bytes of requests()) assert.is(await probeRequest(bytes), "answered");
});

test("damaged requests are answered or refused, never as a fault of the server", async () => {
  const whole = requests();
  const next = generator(17);
  const outcomes = new Set<string>();
  const end = performance.now() + MILLISECONDS;
  for (let round = 0; round < 4000 || performance.now() < end; round++)
    outcomes.add(await probeRequest(mutate(whole[next() % whole.length] as Uint8Array, next)));
  for (const outcome of [
    "answered",
    "protocol/malformed",
    "protocol/parameter",
    "protocol/tensor",
    "protocol/unknown-model",
  ])
    assert.ok(outcomes.has(outcome), `${outcome} never happened: ${[...outcomes].join(", ")}`);
});

test.run();
