// SGD, LAMB, factors on the rate and the binary loss on WebGPU.

import { test } from "uvu";
import { optimizerClaims } from "./optimizer-claims.js";
import { observedHost, webgpuOrSkip } from "./webgpu-device.js";

const executor = await webgpuOrSkip(undefined, "float32");
if (executor) {
  for (const [name, run] of optimizerClaims(executor, 2e-5)) test(`webgpu: ${name}`, run);
  // Large enough for the model's tensors, and smaller than its stores.
  const limited = await webgpuOrSkip(observedHost({ largestBinding: 128 * 1024 }).host, "float32");
  for (const [name, run] of limited ? optimizerClaims(limited, 2e-5) : [])
    if (/LAMB|SGD/.test(name)) test(`webgpu, stores in several bindings: ${name}`, run);
  test.after(async () => {
    await executor.dispose();
    await limited?.dispose();
  });
  test.run();
}
