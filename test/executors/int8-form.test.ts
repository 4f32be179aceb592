// Claims about the form of the int8 product: digits are taken where they are faster and exact, and never where the engine
// has their instruction wrong, which its optimizing compiler hides.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Int8Form } from "../../assembly/nn/linear-forms.js";
import { measure } from "../../runtime/executors/wasm/calibrate-int8.js";
import { loadKernels } from "../../runtime/executors/wasm/kernels.js";
import { nodeHost } from "../../runtime/host/node.js";

/** Longer than any run of another form. */
const SLOW_MS = 3;

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

for (const relaxed of [false, true]) {
  const build = relaxed ? "relaxed" : "plain";
  test(`${build} build: pairs that are slow are replaced by digits where these are exact`, async () => {
    const host = nodeHost();
    const kernels = await loadKernels(host, relaxed, 1);
    const { memory, digits, runHere } = kernels;
    assert.is(digits, !(relaxed && host.wrongRelaxedDot));
    /** Pairs are what runs first. */
    let pairs: number | undefined;
    const withSlowPairs = (bytecode: number) => {
      pairs ??= bytecode;
      if (bytecode === pairs) spin(SLOW_MS);
      return runHere(bytecode);
    };
    const { form, speedup } = measure({ memory, digits, runHere: withSlowPairs });
    assert.is(form === Int8Form.Pairs, !digits, `${Int8Form[form]} were chosen`);
    assert.ok(speedup > 0);
  });
}

test("digits whose first sums are wrong are not chosen, however fast and right they are later", async () => {
  const { memory, runHere } = await loadKernels(nodeHost(), false, 1);
  let pairs: number | undefined;
  const seen = new Set<number>();
  const wrongAtFirst = (bytecode: number) => {
    pairs ??= bytecode;
    if (bytecode === pairs) spin(SLOW_MS);
    // A run that is left out leaves zeros.
    if (bytecode === pairs || seen.has(bytecode)) return runHere(bytecode);
    seen.add(bytecode);
    return 0;
  };
  assert.is(measure({ memory, digits: true, runHere: wrongAtFirst }).form, Int8Form.Pairs);
});

test.run();
