// Distillation into a model of one head on WebGPU.

import { test } from "uvu";
import { distillationClaims } from "./distillation-claims.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const executor = await webgpuOrSkip(undefined, "float32");
if (executor) {
  for (const [name, run] of distillationClaims(executor, 1e-5)) test(`webgpu: ${name}`, run);
  test.after(() => executor.dispose());
  test.run();
}
