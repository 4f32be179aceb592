// int8: `--dtype int8` computes in int8 or float32, whichever the calibration finds faster.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { fasterOfInt8AndFloat32 } from "../../bin/model-options.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { nodeHost } from "../../runtime/host/node.js";

function choice(int8Speedup?: () => number): [dtype: string, notices: string[]] {
  const notices: string[] = [];
  return [fasterOfInt8AndFloat32({ int8Speedup }, (text) => void notices.push(text)), notices];
}

test("int8 is kept where it is as fast, and where the device decides otherwise", () => {
  assert.equal(
    choice(() => 1.6),
    ["int8", []],
  );
  assert.equal(
    choice(() => 1),
    ["int8", []],
  );
  assert.equal(choice(), ["int8", []]);
});

test("where float32 is faster it is used, and a line says so with the measured speed", () => {
  const [dtype, notices] = choice(() => 0.934);
  assert.is(dtype, "float32");
  assert.equal(notices, [
    "--dtype int8 computes in float32: on this CPU int8 has only 0.93 of float32's speed",
  ]);
});

test("the wasm executor measures a plausible speed, once", async () => {
  const executor = await createWasmExecutor(nodeHost());
  const speedup = executor.int8Speedup?.() ?? 0;
  assert.ok(speedup > 0.2 && speedup < 10, `${speedup}`);
  assert.is(executor.int8Speedup?.(), speedup);
  await executor.dispose();
});

test.run();
