// WebGPU convolution: gradients of what RegNetY is made of, run by the WebGPU kernels, equal finite differences in double.

import { test } from "uvu";
import { convolutionClaims } from "./convolution-claims.js";
import { webgpuOrSkip } from "./webgpu-device.js";

const webgpu = await webgpuOrSkip();
if (webgpu) {
  convolutionClaims(webgpu);
  test.after(() => webgpu.dispose());
  test.run();
}
