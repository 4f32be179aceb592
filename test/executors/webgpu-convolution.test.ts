// WebGPU convolution: RegNetY's operations on the WebGPU kernels equal the reference implementations in double, and its
// gradients equal finite differences.

import { test } from "uvu";
import { nodeHost } from "../../runtime/host/node.js";
import { convolutionClaims } from "./convolution-claims.js";
import { convolutionForwardClaims } from "./convolution-forward-claims.js";
import { regnetyTrainingClaims } from "./regnety-training-claims.js";
import { tierTolerances } from "./tier-tolerances.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const webgpu = await webgpuOrSkip();
if (webgpu) {
  const half = await webgpuOrSkip(nodeHost(), "float16");
  for (const executor of [webgpu, ...(half ? [half] : [])]) {
    const { values } = tierTolerances(executor.tier).claims;
    convolutionForwardClaims(executor, `, tier ${executor.tier}`, values);
  }
  convolutionClaims(webgpu);
  regnetyTrainingClaims(webgpu, 3e-6);
  test.after(async () => {
    await webgpu.dispose();
    await half?.dispose();
  });
  test.run();
}
