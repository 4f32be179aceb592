// Fuzzing of the HTTP interface with a fixed seed: damaged bodies of JSON, binary tensors and multipart are answered or
// refused with typed errors, never with an error of the server.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { generator } from "./mutate.js";
import { startHttpProbe } from "./probe-http.js";

/** CI continues for this long. */
const MILLISECONDS = process.env.CI ? 10_000 : 0;

test("600 damaged requests and more are answered, or refused with errors of the caller", async () => {
  const probe = await startHttpProbe();
  const next = generator(21);
  const outcomes = new Set<string>();
  const end = performance.now() + MILLISECONDS;
  for (let round = 0; round < 600 || performance.now() < end; round++) outcomes.add(await probe.probe(next));
  await probe.close();
  for (const outcome of [
    "answered",
    "protocol/malformed",
    "protocol/tensor",
    "protocol/invalid-argument",
    "jpeg/not-jpeg",
  ])
    assert.ok(outcomes.has(outcome), `${outcome} never happened`);
});

test.run();
