// Open backend: a tfjs backend by its name after `tfjs:`, with its own instance for each executor. The packages are
// optional peer dependencies, loaded on first use.

import { VitrineError } from "../../errors.js";
import type { GpuAdapterInfo, GpuDevice } from "../../host/environment-types.js";
import { Backend } from "./backend.js";
import type { Tfjs } from "./tfjs.js";

/** A GPUDevice for tfjs to compute on. */
export interface GpuHandle {
  gpu: GpuDevice;
  /** Name of the adapter, for messages. */
  name: string;
  software: boolean;
  /** Throws the first error that the device has reported. */
  check(): void;
  /** Destroys the device if it was opened for this executor. */
  close(): void;
}

export interface TfjsOptions {
  /** Opens the device of `tfjs:webgpu`. */
  openGpu?: (() => Promise<GpuHandle>) | undefined;
  /** WebGPU's classes and flags where they are not globals, as in Node. */
  gpuGlobals?: (() => Promise<Readonly<Record<string, unknown>>>) | undefined;
  /** Default: import(). */
  load?: LoadPackage | undefined;
}

const CORE = "@tensorflow/tfjs-core";
const CPU = "@tensorflow/tfjs-backend-cpu";
const WEBGPU = "@tensorflow/tfjs-backend-webgpu";

type Opener = (device: string, load: LoadPackage, options: TfjsOptions) => Promise<Backend>;

const OPENERS: Readonly<Record<string, Opener>> = {
  cpu: openCpu,
  webgpu: openWebgpu,
  tensorflow: openTensorflow,
};

/** All device strings of tfjs. */
export const TFJS_DEVICES: readonly string[] = Object.keys(OPENERS).map((name) => `tfjs:${name}`);

/** Throws `device/unknown`, and `device/unavailable` where packages are missing or do not run on this platform. */
export async function openBackend(device: string, options: TfjsOptions): Promise<Backend> {
  const open = OPENERS[device.replace(/^tfjs:/, "")];
  if (open) return open(device, options.load ?? importPackage, options);
  throw new VitrineError(
    "device/unknown",
    `no device "${device}"; tfjs devices: ${TFJS_DEVICES.join(", ")} (--device)`,
    {
      details: { device },
    },
  );
}

/** The backend that is current in `tf` and belongs to the caller; undefined where there is none. */
export function currentBackend(tf: Tfjs): Backend | undefined {
  const name = tf.getBackend();
  if (!name) return undefined;
  const description = `the ${name} backend that tfjs computes with`;
  return new Backend({ tf, name, description, fusedMultiplyAdd: name !== "cpu", close: () => {} });
}

let instances = 0;

/**
 * Registers a new instance of the backend `kind` under its own name, with the kernels of `kind`, so that other tfjs
 * code in the process keeps its instance.
 */
async function register(
  tf: Tfjs,
  kind: string,
  make: () => object,
): Promise<{ name: string; close: () => void }> {
  instances += 1;
  const name = `vitrine-${kind}-${instances}`;
  const before = tf.getBackend();
  tf.copyRegisteredKernels(kind, name);
  const instance = make();
  tf.registerBackend(name, () => instance);
  await tf.setBackend(name);
  if (before) await tf.setBackend(before);
  const close = () => {
    tf.removeBackend(name);
    for (const { kernelName } of tf.getKernelsForBackend(name)) tf.unregisterKernel(kernelName, name);
  };
  return { name, close };
}

async function openCpu(device: string, load: LoadPackage): Promise<Backend> {
  const [tf, { MathBackendCPU }] = (await loadPackages(device, [CORE, CPU], load)) as [
    Tfjs,
    { MathBackendCPU: new () => object },
  ];
  // With `firstUse` it would advertise another backend on the console.
  const make = () => Object.assign(new MathBackendCPU(), { firstUse: false });
  const registered = await register(tf, "cpu", make);
  return new Backend({ tf, ...registered, description: "plain JavaScript", fusedMultiplyAdd: false });
}

async function openWebgpu(device: string, load: LoadPackage, options: TfjsOptions): Promise<Backend> {
  const [tf, { WebGPUBackend }] = (await loadPackages(device, [CORE, WEBGPU], load)) as [
    Tfjs,
    { WebGPUBackend: new (gpu: GpuDevice, info?: GpuAdapterInfo) => object },
  ];
  if (!options.openGpu)
    throw new VitrineError(
      "device/unavailable",
      `device ${device}: this runtime was created without WebGPU; use --device tfjs:cpu`,
    );
  const handle = await options.openGpu();
  try {
    Object.assign(globalThis, await options.gpuGlobals?.());
    // Otherwise small operations would run on the host, and their results would not be in GPU buffers.
    tf.env().set("WEBGPU_CPU_FORWARD", false);
    const make = () => withNavigatorGpu(() => new WebGPUBackend(handle.gpu, handle.gpu.adapterInfo));
    const { name, close } = await register(tf, "webgpu", make);
    return new Backend({
      tf,
      name,
      description: `${handle.name}${handle.software ? " (software)" : ""}`,
      fusedMultiplyAdd: true,
      gpu: handle.gpu,
      largestBytes: Math.min(handle.gpu.limits.maxBufferSize, handle.gpu.limits.maxStorageBufferBindingSize),
      check: () => handle.check(),
      close: () => {
        close();
        handle.close();
      },
    });
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** tfjs accepts a device only where `navigator.gpu` exists, which Node does not have. */
function withNavigatorGpu<T>(make: () => T): T {
  const scope = globalThis as { navigator?: object };
  if (scope.navigator && "gpu" in scope.navigator) return make();
  const described = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  const value = { ...scope.navigator, gpu: {} };
  Object.defineProperty(globalThis, "navigator", { value, configurable: true, writable: true });
  try {
    return make();
  } finally {
    if (described) Object.defineProperty(globalThis, "navigator", described);
    else delete scope.navigator;
  }
}

/** The version that these devices were tested with. */
const TFJS_VERSION = "4.22.0";

/** Returns a package's exports. Throws where it is not installed or does not load. */
export type LoadPackage = (name: string) => Promise<object>;

/** The name is a variable, so that building and bundling do not need the packages. */
export const importPackage: LoadPackage = async (name) => {
  const loaded = (await import(
    /* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ name
  )) as { default?: object };
  // For a CommonJS package, Node detects some named exports and has all of them in `default`.
  return { ...loaded.default, ...loaded };
};

/** The packages, in the order of `names`. Throws `device/unavailable` with the command that installs them. */
async function loadPackages(device: string, names: readonly string[], load: LoadPackage): Promise<object[]> {
  const loaded: object[] = [];
  for (const name of names) {
    try {
      loaded.push(await load(name));
    } catch (cause) {
      const install = names.map((wanted) => `${wanted}@${TFJS_VERSION}`).join(" ");
      throw new VitrineError(
        "device/unavailable",
        `device ${device}: the optional package ${name} ${reasonOf(cause)}: npm install ${install}, or use --device wasm`,
        { details: { device, package: name }, cause },
      );
    }
  }
  return loaded;
}

/** Why a package did not load, as the end of a sentence. */
function reasonOf(cause: unknown): string {
  const { code, message } = cause as { code?: string; message?: string };
  if (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") return "is not installed";
  return `does not load here (${String(message ?? cause).split("\n")[0]})`;
}

/** Bindings of libtensorflow; the first that runs is used. */
const PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"];

const NEEDS =
  `they need Node 18 to 22 (version ${TFJS_VERSION} calls util.isNullOrUndefined, which Node 23 removed), and ` +
  "tfjs-node-gpu on Linux CUDA 11.2 with cuDNN 8.1, for libtensorflow 2.9.1";

async function openTensorflow(device: string, load: LoadPackage): Promise<Backend> {
  const reasons: string[] = [];
  for (const name of PACKAGES) {
    try {
      const tf = (await load(name)) as Tfjs;
      await expectToRun(tf);
      const description = `libtensorflow through ${name}`;
      // The backend belongs to the package; there is one for the whole process.
      return new Backend({ tf, name: "tensorflow", description, fusedMultiplyAdd: true, close: () => {} });
    } catch (cause) {
      reasons.push(`${name} ${reasonOf(cause)}`);
    }
  }
  throw new VitrineError(
    "device/unavailable",
    `device ${device}: ${reasons.join("; ")}; ${NEEDS}: npm install ${PACKAGES[0]}@${TFJS_VERSION}, or use --device wasm`,
    { details: { device } },
  );
}

/** Computes one product: on a Node without the functions that it calls, the package loads but then fails. */
async function expectToRun(tf: Tfjs): Promise<void> {
  const before = tf.getBackend();
  if (!(await tf.setBackend("tensorflow"))) throw new Error("its backend does not start");
  const product = tf.tidy(() => tf.matMul(tf.tensor([2], [1, 1]), tf.tensor([3], [1, 1])));
  const [value] = await product.data();
  product.dispose();
  if (before && before !== "tensorflow") await tf.setBackend(before);
  if (value !== 6) throw new Error(`2·3 is ${value}`);
}
