// Distillation into a model of one head and submodel co-training, on wasm and on tfjs's CPU backend.

import { test } from "uvu";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { cosubClaims } from "./cosub-claims.js";
import { distillationClaims } from "./distillation-claims.js";

for (const device of ["wasm", "tfjs:cpu"]) {
  const { executor } = await createRuntime({ host: nodeHost(), device });
  const claims = [...distillationClaims(executor, 2e-6), ...cosubClaims(executor, 2e-6)];
  for (const [name, run] of claims) test(`${device}: ${name}`, run);
  test.after(() => executor.dispose());
}

test.run();
