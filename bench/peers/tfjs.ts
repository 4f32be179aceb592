// tfjs as a peer: the part of @tensorflow/tfjs-core that the benches use, on its wasm backend (one thread) or webgpu backend.

import { register } from "node:module";
import { pathToFileURL } from "node:url";
import { nodeGpuGlobals } from "../../runtime/host/node-gpu.js";
import { peerFolder, requirePeer } from "./packages.js";

export interface Tensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

export interface Variable extends Tensor {
  readonly name: string;
  assign(value: Tensor): void;
}

type Axes = number | number[];

/** Signatures as tfjs documents them. */
export interface Tfjs {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  env(): { set(flag: string, value: boolean): void };
  tensor(values: Float32Array, shape: number[]): Tensor;
  variable(value: Tensor, trainable: boolean, name: string): Variable;
  scalar(value: number): Tensor;
  tidy<T>(run: () => T): T;
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor): Tensor;
  neg(x: Tensor): Tensor;
  erf(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  mean(x: Tensor, axis?: Axes, keepDims?: boolean): Tensor;
  sum(x: Tensor, axis?: Axes, keepDims?: boolean): Tensor;
  softmax(x: Tensor): Tensor;
  logSoftmax(x: Tensor): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  reshape(x: Tensor, shape: number[]): Tensor;
  transpose(x: Tensor, permutation?: number[]): Tensor;
  unstack(x: Tensor): Tensor[];
  stack(parts: Tensor[]): Tensor;
  customGrad(
    run: (
      a: Tensor,
      b: Tensor,
      save: (kept: Tensor[]) => void,
    ) => { value: Tensor; gradFunc: (dy: Tensor, kept: Tensor[]) => Tensor[] },
  ): (a: Tensor, b: Tensor) => Tensor;
  slice(x: Tensor, begin: number[], size: number[]): Tensor;
  concat(parts: Tensor[], axis: number): Tensor;
  tile(x: Tensor, times: number[]): Tensor;
  variableGrads(loss: () => Tensor, variables: Variable[]): { value: Tensor; grads: Record<string, Tensor> };
  train: {
    adam(rate: number, beta1: number, beta2: number, epsilon: number): Optimizer;
  };
}

export interface Optimizer {
  applyGradients(gradients: Record<string, Tensor>): void;
}

interface WasmBackend {
  setWasmPaths(folder: string): void;
}

/** tfjs on its wasm backend; Node loads the SIMD build without threads. */
export async function loadTfjs(): Promise<Tfjs> {
  const tf = requirePeer<Tfjs>("@tensorflow/tfjs-core");
  const backend = requirePeer<WasmBackend>("@tensorflow/tfjs-backend-wasm");
  backend.setWasmPaths(peerFolder("@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm"));
  if (!(await tf.setBackend("wasm"))) throw new Error("error: tfjs has no wasm backend here");
  await tf.ready();
  return tf;
}

/** tfjs on its webgpu backend, which takes its device from `navigator.gpu`; no operation falls back to the CPU. */
export async function loadTfjsWebgpu(gpu: GPU): Promise<Tfjs> {
  Object.assign(globalThis, await nodeGpuGlobals());
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
  const tf = requirePeer<Tfjs>("@tensorflow/tfjs-core");
  requirePeer("@tensorflow/tfjs-backend-webgpu");
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  if (!(await tf.setBackend("webgpu"))) throw new Error("error: tfjs has no webgpu backend here");
  await tf.ready();
  return tf;
}

/** Loads tfjs-core's ES modules, whose imports lack the extension `.js` that Node requires. */
const ES_MODULES = `
import { readFile } from "node:fs/promises";
const inside = (url) => url?.includes("/@tensorflow/tfjs-core/dist/") && !url.endsWith(".node.js");
export async function resolve(specifier, context, next) {
  if (!specifier.startsWith(".") || !inside(context.parentURL)) return next(specifier, context);
  const url = new URL(specifier.endsWith(".js") ? specifier : specifier + ".js", context.parentURL).href;
  return { url, format: "module", shortCircuit: true };
}
export async function load(url, context, next) {
  if (!inside(url)) return next(url, context);
  return { format: "module", source: await readFile(new URL(url)), shortCircuit: true };
}`;

/**
 * Registers the gradients of all operations. The package's bundle for Node leaves them out, and the union package that
 * includes them depends on a hundred others. The registry is global: one copy of tfjs sees what another registers.
 */
export async function registerGradients(): Promise<void> {
  register(`data:text/javascript,${encodeURIComponent(ES_MODULES)}`);
  const folder = peerFolder("@tensorflow/tfjs-core/dist/register_all_gradients.js");
  await import(pathToFileURL(`${folder}register_all_gradients.js`).href);
}
