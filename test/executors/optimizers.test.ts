// SGD, LAMB, factors on the rate and the binary loss on wasm and on tfjs's CPU backend.

import { test } from "uvu";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { optimizerClaims } from "./optimizer-claims.js";

const TOLERANCES = { wasm: 2e-6, "tfjs:cpu": 2e-5 };

for (const [device, tolerance] of Object.entries(TOLERANCES)) {
  const { executor } = await createRuntime({ host: nodeHost(), device });
  for (const [name, run] of optimizerClaims(executor, tolerance)) test(`${device}: ${name}`, run);
  test.after(() => executor.dispose());
}

test.run();
