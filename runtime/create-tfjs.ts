// Create tfjs: the tfjs executor, on a GPUDevice that is opened as the webgpu executor opens its own.

import type { Executor } from "./executors/executor.js";
import { createTfjsExecutor } from "./executors/tfjs/executor.js";
import type { GpuSeat } from "./executors/tfjs/open-backend.js";
import { openAdapter } from "./executors/webgpu/adapter.js";
import type { Host } from "./host/host.js";

const WITH_ADAPTER = /^(tfjs:webgpu)(?::(.+))?$/;

/** `device`: `tfjs:` and a backend, `tfjs:webgpu:` with an adapter too. Throws what `createTfjsExecutor` throws. */
export async function createTfjs(host: Host, device: string): Promise<Executor> {
  const [, backend = device, adapter] = WITH_ADAPTER.exec(device) ?? [];
  const openGpu = async (): Promise<GpuSeat> => {
    const opened = await openAdapter(host, adapter === undefined ? {} : { adapter });
    const { device: own, name, software } = opened;
    return { gpu: own.gpu, name, software, check: () => own.check(), close: () => own.dispose() };
  };
  return createTfjsExecutor(backend, { openGpu, gpuGlobals: host.gpuGlobals });
}
