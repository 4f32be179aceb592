// WebGPU device: the executor that the WebGPU tests share, or a line that says why they are skipped.

import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import { createWebgpuExecutor, type WebgpuExecutor } from "../../runtime/executors/webgpu/executor.js";
import { type GpuTier, type MatrixUnits, SUBGROUP_MATRIX } from "../../runtime/executors/webgpu/tier.js";
import { listAdapters } from "../../runtime/host/adapters.js";
import type { Host } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import type { Runtime } from "../../runtime/runtime.js";

/** Undefined where there is no driver, no package or no such tier; the caller then registers no test. */
export function webgpuOrSkip(host: Host = nodeHost(), tier?: GpuTier): Promise<WebgpuExecutor | undefined> {
  return orSkip(() => createWebgpuExecutor(host, tier === undefined ? {} : { tier }));
}

/** A runtime on a device that needs WebGPU; undefined as above. */
export function runtimeOrSkip(device: string): Promise<Runtime | undefined> {
  return orSkip(() => createRuntime({ host: nodeHost(), device }));
}

async function orSkip<T>(open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (!isVitrineError(error) || !["device/unavailable", "device/tier"].includes(error.code)) throw error;
    const needed =
      error.code === "device/tier" ? error.message : "needs a Vulkan driver and the webgpu package";
    console.log(`skipped: ${needed}`);
    return undefined;
  }
}

/** Changes that a test makes to the devices that a host opens. */
export interface Changes {
  /** The adapter reports that it is a hardware GPU. */
  hardware?: boolean;
  /** The adapter reports these matrix units. If it lacks them, its devices are opened without the feature. */
  matrices?: MatrixUnits;
  /** Bytes that a kernel may bind at most, below what the adapter offers. */
  largestBinding?: number;
  /** WGSL of a kernel → the WGSL that its driver compiles. */
  kernel?: (name: string, text: string) => string;
}

/** A host that returns the devices it opens, so that a test can lose them, and changes them. */
export function observedHost(
  changes: Changes = {},
  node: Host = nodeHost(),
): { host: Host; opened: GPUDevice[] } {
  const opened: GPUDevice[] = [];
  const host: Host = { ...node, gpu: async (only) => observedGpu(await node.gpu(only), changes, opened) };
  if (!changes.hardware) return { host, opened };
  const list = async () => (await listAdapters(node)).map((adapter) => ({ ...adapter, software: false }));
  return { host: { ...host, mayHaveGpu: () => true, gpuAdapters: list }, opened };
}

function observedGpu(gpu: GPU, changes: Changes, opened: GPUDevice[]): GPU {
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options);
    if (!adapter) return adapter;
    const requestDevice = adapter.requestDevice.bind(adapter);
    const hasUnits = (adapter.features as ReadonlySet<string>).has(SUBGROUP_MATRIX);
    adapter.requestDevice = async (descriptor) => {
      const requiredFeatures = [...(descriptor?.requiredFeatures ?? [])].filter(
        (name: string) => name !== SUBGROUP_MATRIX || hasUnits || !changes.matrices,
      );
      const device = await requestDevice({ ...descriptor, requiredFeatures });
      if (changes.kernel) changeKernels(device, changes.kernel);
      if (changes.largestBinding !== undefined) limitBindings(device, changes.largestBinding);
      opened.push(device);
      return device;
    };
    describe(adapter, changes);
    return adapter;
  };
  return gpu;
}

function describe(adapter: GPUAdapter, { hardware, matrices }: Changes): void {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const names = hardware
    ? { vendor: "", architecture: "", device: "", description: "A GPU", isFallbackAdapter: false }
    : { vendor, architecture, device, description, isFallbackAdapter };
  if (!matrices) {
    if (hardware) Object.defineProperty(adapter, "info", { value: names });
    return;
  }
  const { rows: M, columns: N, depth: K, largestSubgroup } = matrices;
  const sizes = [{ componentType: "f16", resultComponentType: "f32", M, N, K }];
  const units = { subgroupMatrixConfigs: sizes, subgroupMaxSize: largestSubgroup };
  Object.defineProperty(adapter, "info", { value: { ...names, ...units } });
  Object.defineProperty(adapter, "features", { value: new Set([...adapter.features, SUBGROUP_MATRIX]) });
}

function limitBindings(device: GPUDevice, maxStorageBufferBindingSize: number): void {
  const { maxBufferSize, minStorageBufferOffsetAlignment, maxComputeWorkgroupStorageSize } = device.limits;
  const others = { maxBufferSize, minStorageBufferOffsetAlignment, maxComputeWorkgroupStorageSize };
  Object.defineProperty(device, "limits", { value: { ...others, maxStorageBufferBindingSize } });
}

function changeKernels(device: GPUDevice, change: NonNullable<Changes["kernel"]>): void {
  const createShaderModule = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) =>
    createShaderModule({ ...descriptor, code: change(descriptor.label ?? "", descriptor.code) });
}
