// Tensors: tfjs and Vitrine on one device, and values that pass between them without going through the host.

import { VitrineError } from "../errors.js";
import type { DeviceArray } from "../executors/device-store.js";
import type { Backend } from "../executors/tfjs/backend.js";
import { TfjsExecutor } from "../executors/tfjs/executor.js";
import { currentBackend, type LoadPackage, openBackend } from "../executors/tfjs/open-backend.js";
import type { Tensor, Tfjs } from "../executors/tfjs/tfjs.js";
import { TensorArray } from "../executors/tfjs/transfer.js";
import type { Host } from "../host/host.js";
import { createImageModule } from "../image/image-module.js";
import type { Runtime } from "../runtime.js";

/** The host, and the tfjs to compute with. */
export interface TfjsRuntimeOptions {
  /** `nodeHost()` or `browserHost(assets)` of `vitrine/runtime`. */
  host: Host;
  /** The exports of @tensorflow/tfjs-core, or of a package that includes them: @tensorflow/tfjs, tfjs-node. */
  tf: object;
}

/**
 * A runtime on the backend that is current in `tf`: cpu, wasm, webgl, webgpu or tensorflow. In a page, pass the
 * module that the page's bundler made of the package. Throws `device/unavailable` where no backend is ready (`await
 * tf.ready()`).
 */
export async function createTfjsRuntime({ host, tf }: TfjsRuntimeOptions): Promise<Runtime> {
  const backend = currentBackend(tf as Tfjs);
  if (!backend)
    throw new VitrineError(
      "device/unavailable",
      "tfjs has no backend yet: import one and await tf.setBackend(NAME)",
    );
  const image = await createImageModule(host);
  const executor = new TfjsExecutor(`tfjs:${backend.name}`, backend);
  const { description } = executor;
  return { host, executor, image, description, dispose: () => executor.dispose() };
}

/** tfjs on a runtime's device, made by `shareDevice`. */
export interface SharedTfjs {
  /** For the functions of `vitrine/tfjs`; not part of the stable interface. */
  readonly backend: Backend;
  /** Removes the backend that `shareDevice` registered; the runtime and its device stay usable. */
  dispose(): void;
}

/** The properties of a `tf.Tensor` that are read here. */
export interface AnyTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
}

/**
 * Makes tfjs compute on the runtime's device from now on: on its GPUDevice for `webgpu` and `tfjs:webgpu`, on its
 * backend for the other tfjs devices. Throws `device/unsupported` for `wasm`, and `device/unavailable` where the
 * packages are not installed. `load` returns the packages @tensorflow/tfjs-core and @tensorflow/tfjs-backend-webgpu
 * by name where import() cannot, as in a page.
 */
export async function shareDevice({ host, executor }: Runtime, load?: LoadPackage): Promise<SharedTfjs> {
  if (executor instanceof TfjsExecutor) {
    await executor.backend.use();
    return { backend: executor.backend, dispose: () => {} };
  }
  const { gpu } = executor;
  if (!gpu)
    throw new VitrineError(
      "device/unsupported",
      `tfjs cannot share the device ${executor.device}; allowed: webgpu, tfjs:cpu, tfjs:webgpu, tfjs:tensorflow (device)`,
    );
  const nothing = () => {};
  const openGpu = async () => ({
    gpu,
    name: executor.description,
    software: false,
    check: nothing,
    close: nothing,
  });
  const backend = await openBackend("tfjs:webgpu", { openGpu, gpuGlobals: host.gpuGlobals, load });
  await backend.use();
  return { backend, dispose: () => backend.close() };
}

/**
 * A float32 tensor as an array on the device, an input of `TensorModel.logitsOnDevice`. The tensor stays the
 * caller's, and the array must be disposed of too. Throws `graph/input` for another type.
 */
export function fromTensor(shared: SharedTfjs, tensor: AnyTensor): DeviceArray {
  if (tensor.dtype !== "float32")
    throw new VitrineError(
      "graph/input",
      `got a tensor of ${tensor.dtype}, programs take float32: convert it with tf.cast`,
    );
  const { backend } = shared;
  return new TensorArray(
    backend,
    backend.within(() => backend.tf.keep(backend.tf.clone(tensor as Tensor))),
  );
}

/**
 * Values on the device as a tensor of `shape`, without a copy. The tensor is the caller's. On a `webgpu` runtime it
 * uses the array's buffer, so dispose of the tensor before the array.
 */
export function toTensor<T = Tensor>(shared: SharedTfjs, values: DeviceArray, shape: readonly number[]): T {
  const { backend } = shared;
  if (values instanceof TensorArray) return values.view(shape) as T;
  const given = { buffer: values.deviceBuffer(), zeroCopy: true };
  return backend.within(() => backend.tf.tensor(given, shape)) as T;
}

/**
 * As `toTensor`, but disposes of the array: the caller owns only the tensor. A `webgpu` runtime copies on the device.
 */
export function intoTensor<T = Tensor>(shared: SharedTfjs, values: DeviceArray, shape: readonly number[]): T {
  const { backend } = shared;
  const tensor =
    values instanceof TensorArray
      ? values.view(shape)
      : backend.within(() => backend.tf.tensor({ buffer: values.deviceBuffer(), zeroCopy: false }, shape));
  values.dispose();
  return tensor as T;
}
