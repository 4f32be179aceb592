// SGD, LAMB, factors on the rate and the binary loss on WebGPU.

import { test } from "uvu";
import { optimizerClaims } from "./optimizer-claims.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const executor = await webgpuOrSkip(undefined, "float32");
if (executor) {
  for (const [name, run] of optimizerClaims(executor, 2e-5)) test(`webgpu: ${name}`, run);
  test.after(() => executor.dispose());
  test.run();
}
