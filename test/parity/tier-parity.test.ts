// Tier parity: a forward pass and optimizer steps on tier float16 equal PyTorch's within the tier's tolerances, which
// would detect an update that is missing or has another size.

import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { tierTolerances } from "../executors/tier-tolerances.js";
import { webgpuOrSkip } from "../executors/webgpu-device.js";
import { compareWhole } from "./compare.js";
import { openFixtureFolder } from "./fixture-folder.js";
import { forwardCases } from "./forward-cases.js";
import { optimizerCases } from "./optimizer-cases.js";

const FIXTURES = fileURLToPath(new URL("../../../test/fixtures/micro", import.meta.url));
const GRADIENTS = "grads_distilled_hard.safetensors";

test("float16 adds a fraction of the largest value to tolerances of device results, and to no other", () => {
  const [exact, half] = [
    openFixtureFolder(FIXTURES, "wasm"),
    openFixtureFolder(FIXTURES, "webgpu", "float16"),
  ];
  const entry = [GRADIENTS, "norm.weight", 8] as const;
  const largest = Math.max(...(exact.floats(GRADIENTS).get("norm.weight")?.data ?? []).map(Math.abs));
  assert.is(exact.deviceTolerance(...entry), exact.tolerance(...entry));
  assert.is(half.tolerance(...entry), exact.tolerance(...entry));
  const added = half.deviceTolerance(...entry) - half.tolerance(...entry);
  assert.ok(Math.abs(added / (tierTolerances("float16").rounding * largest) - 1) < 1e-5, `${added}`);
});

test("a movement as a whole passes with one value that jumped, and fails if it is missing or half as large", () => {
  const start = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i));
  const moved = (step: number, jumps: number) =>
    start.map((value, i) => value + (i < jumps ? -step : step) * (i % 2 === 0 ? 1 : -1));
  const want = moved(1e-3, 0);
  const passes = (got: Float32Array | undefined) => compareWhole("w", got, want, 0.25, { start }).ok;
  assert.equal([want, moved(1e-3, 1)].map(passes), [true, true]);
  const wrong = [start, moved(5e-4, 0), moved(1e-3, 40), want.subarray(1), want.map(() => Number.NaN)];
  assert.equal([...wrong, undefined].map(passes), [false, false, false, false, false, false]);
});

const found = await webgpuOrSkip(undefined, "float16");
await found?.dispose();
if (found)
  for (const [what, group, least] of [
    ["every tensor of a forward pass", forwardCases, 16],
    ["AdamW's steps, moments and averages", optimizerCases, 130],
  ] as const)
    test(`float16: ${what}`, async () => {
      const names: string[] = [];
      const context = openFixtureFolder(FIXTURES, "webgpu", "float16");
      for await (const { name, ok, maxAbsError, tolerance } of group(context)) {
        assert.ok(ok, `${name}: error ${maxAbsError}, allowed ${tolerance}`);
        names.push(name);
      }
      assert.ok(names.length >= least, `${names.length} cases`);
    });

test.run();
