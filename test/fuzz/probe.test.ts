// Fuzzing with a fixed seed: damaged files keep every promise, and the probe notices broken ones.

import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { fixture, fixtureRows } from "../image/jpeg-fixtures.js";
import { generator, mutate } from "./mutate.js";
import { probe } from "./probe.js";
import { probePicture } from "./probe-pictures.js";
import { probeTransforms } from "./probe-transforms.js";

const module = await createImageModule(nodeHost());
const files = fixtureRows()
  .filter(({ status }) => status === "ok")
  .map(({ file }) => fixture(file.slice(0, -4)));

/** CI continues for this long; elsewhere five thousand rounds are enough. */
const MILLISECONDS = process.env.CI ? 20_000 : 0;

test("five thousand damaged files and more keep every promise of the decoder", () => {
  const next = generator(11);
  const outcomes = new Set<string>();
  const end = performance.now() + MILLISECONDS;
  for (let round = 0; round < 5000 || performance.now() < end; round++)
    outcomes.add(probe(module, mutate(files[next() % files.length] as Uint8Array, next), next));
  for (const outcome of ["decoded", "jpeg/truncated", "jpeg/corrupt", "jpeg/not-jpeg", "jpeg/too-large"])
    assert.ok(outcomes.has(outcome), `${outcome} never happened`);
});

test("damaged files of other formats keep every promise of their decoders", async () => {
  const folder = new URL("../../../test/fixtures/pictures/", import.meta.url);
  // libavif is slow; a longer run is `npm run fuzz -- pictures`.
  const names = readdirSync(folder).filter((name) => /\.(png|webp|gif|bmp|tif|ppm)$/.test(name));
  const pictures = names.map((name) => new Uint8Array(readFileSync(new URL(name, folder))));
  const next = generator(13);
  const outcomes = new Set<string>();
  for (let round = 0; round < 3000; round++) {
    const file = mutate(pictures[next() % pictures.length] as Uint8Array, next);
    outcomes.add(await probePicture(module, file));
  }
  for (const outcome of [
    "decoded",
    "image/truncated",
    "image/corrupt",
    "image/too-large",
    "image/unknown-format",
  ])
    assert.ok(outcomes.has(outcome), `${outcome} never happened`);
});

test("pixels of whole and of damaged files keep every promise of the transforms", () => {
  const next = generator(12);
  for (const file of files) probeTransforms(module, file, next);
  for (let round = 0; round < 1000; round++)
    probeTransforms(module, mutate(files[next() % files.length] as Uint8Array, next), next);
});

test("the same seed makes the same damaged files, and damage leaves the original alone", () => {
  const original = fixture("420_shapes");
  const kept = original.slice();
  const [a, b] = [generator(5), generator(5)];
  for (let round = 0; round < 100; round++) assert.equal(mutate(original, a), mutate(original, b));
  assert.equal(original, kept);
});

test("the probe fails a module that traps and one that forgets a crop's edge", () => {
  const trapping: typeof module = {
    ...module,
    run: () => {
      throw new VitrineError("image/trap", "planted");
    },
  };
  assert.throws(() => probe(trapping, fixture("420_shapes"), generator(1)), /planted/);
  let calls = 0;
  const forgetful: typeof module = {
    ...module,
    run: (subject, body) => {
      const result = module.run(subject, body);
      calls++;
      // The third decode is the crop.
      const { data } = result as { data: Uint8Array };
      if (calls === 3) data[0] = (data[0] as number) ^ 1;
      return result;
    },
  };
  assert.throws(() => probe(forgetful, fixture("420_shapes"), generator(1)), /crop .* differs in its row 0/);
});

test.run();
