// Model options: flags that every command with a model of its own has, and how they become a loaded model.

import { Option } from "commander";
import { createRuntime, type Runtime } from "../runtime/create-runtime.js";
import { VitrineError } from "../runtime/errors.js";
import { GPU_TIERS } from "../runtime/executors/webgpu/tier.js";
import { nodeHost, nodeModelSource } from "../runtime/host/node.js";
import { loadModel, type Model, type ModelOptions } from "../runtime/load-model.js";
import type { WeightDtype } from "../runtime/weights/weight-dtype.js";
import { kernelProgress } from "./kernel-progress.js";
import { wholeNumber } from "./number-option.js";

export function modelOption(): Option {
  return new Option(
    "--model <path>",
    "folder with model.safetensors and config.json, or a .safetensors file",
  );
}

export function deviceOption(): Option {
  return new Option(
    "--device <device>",
    "what computes: auto (a GPU, else wasm), wasm, webgpu, webgpu:ADAPTER, or tfjs:cpu, tfjs:webgpu, tfjs:tensorflow",
  ).default("auto");
}

export function gpuTierOption(): Option {
  return new Option(
    "--gpu-tier <tier>",
    `what of a GPU's features is used: auto (the highest that passes its self-check), ${GPU_TIERS.join(", ")}`,
  );
}

/** `auto`, or a whole number; the executor says which ones it allows. */
export function threadsOption(auto = "the cores this process may use"): Option {
  const parse = wholeNumber("--threads", { min: 1, max: 256 });
  return new Option("--threads <n>", `threads that compute: a number, or auto: ${auto}`)
    .default("auto")
    .argParser((text): number | "auto" => (text === "auto" ? text : parse(text)));
}

const DTYPES: Readonly<Record<string, WeightDtype>> = {
  f32: "float32",
  float32: "float32",
  f16: "float16",
  float16: "float16",
  int8: "int8",
};

export function dtypeOption(
  says = "what the weights are: f32, f16 (widened), int8 (computed so, wasm only); default: as the file keeps them",
): Option {
  return new Option("--dtype <dtype>", says).argParser((text) => {
    const dtype = Object.hasOwn(DTYPES, text) ? DTYPES[text] : undefined;
    if (dtype) return dtype;
    throw new VitrineError("usage/dtype", `--dtype got "${text}"; allowed: f32, f16, int8`, {
      details: { flag: "--dtype", got: text },
    });
  });
}

/** Which executor computes, and in which numbers, as the flags say. */
export interface ExecutorChoice {
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
}

export interface RunningModel {
  runtime: Runtime;
  model: Model;
  /** Gives weights, programs and the executor back. */
  dispose(): Promise<void>;
}

/** The path is looked at before anything is compiled, so that a wrong one is said at once. */
export async function startModel(
  path: string,
  { device, gpuTier, threads, dtype }: ExecutorChoice,
  options: ModelOptions = {},
): Promise<RunningModel> {
  const source = nodeModelSource(path);
  const runtime = await createRuntime({
    host: nodeHost(),
    device,
    gpuTier,
    threads,
    onKernels: kernelProgress(),
  });
  const model = await loadModel(runtime, source, { ...options, ...(dtype && { dtype }) });
  const dispose = async (): Promise<void> => {
    model.dispose();
    await runtime.dispose();
  };
  return { runtime, model, dispose };
}
