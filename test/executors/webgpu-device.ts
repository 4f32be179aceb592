// WebGPU device: the executor that the WebGPU tests share, or the line that says why they are left out.

import { isVitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import type { Host } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";

/** Undefined where there is no driver or no package; whoever asked registers no test then. */
export async function webgpuOrSkip(host: Host = nodeHost()): Promise<Executor | undefined> {
  try {
    return await createWebgpuExecutor(host);
  } catch (error) {
    if (!isVitrineError(error) || error.code !== "device/unavailable") throw error;
    console.log("skipped: needs a Vulkan driver and the webgpu package");
    return undefined;
  }
}

/** A host that hands out the device it opens, so that a test can take it away. */
export function observedHost(): { host: Host; opened: GPUDevice[] } {
  const opened: GPUDevice[] = [];
  const node = nodeHost();
  const host: Host = {
    ...node,
    gpu: async (name) => {
      const gpu = await node.gpu(name);
      const requestAdapter = gpu.requestAdapter.bind(gpu);
      gpu.requestAdapter = async (options) => {
        const adapter = await requestAdapter(options);
        if (!adapter) return adapter;
        const requestDevice = adapter.requestDevice.bind(adapter);
        adapter.requestDevice = async (descriptor) => {
          const device = await requestDevice(descriptor);
          opened.push(device);
          return device;
        };
        return adapter;
      };
      return gpu;
    },
  };
  return { host, opened };
}
