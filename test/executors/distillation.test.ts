// Distillation into a model of one head, on wasm and on tfjs's CPU backend.

import { test } from "uvu";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { distillationClaims } from "./distillation-claims.js";

for (const device of ["wasm", "tfjs:cpu"]) {
  const { executor } = await createRuntime({ host: nodeHost(), device });
  for (const [name, run] of distillationClaims(executor, 2e-6)) test(`${device}: ${name}`, run);
  test.after(() => executor.dispose());
}

test.run();
