// Distillation into a model of one head and submodel co-training on WebGPU.

import { test } from "uvu";
import { cosubClaims } from "./cosub-claims.js";
import { distillationClaims } from "./distillation-claims.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const executor = await webgpuOrSkip(undefined, "float32");
if (executor) {
  const claims = [...distillationClaims(executor, 1e-5), ...cosubClaims(executor, 1e-5)];
  for (const [name, run] of claims) test(`webgpu: ${name}`, run);
  test.after(() => executor.dispose());
  test.run();
}
