// Model options: flags of every command that runs a model, and how they become a loaded model.

import { Option } from "commander";
import { createRuntime } from "../runtime/create-runtime.js";
import { quote, VitrineError } from "../runtime/errors.js";
import type { Executor } from "../runtime/executors/executor.js";
import { GPU_TIERS } from "../runtime/executors/webgpu/tier.js";
import { nodeHost } from "../runtime/host/node.js";
import { loadModel, type Model, type ModelOptions } from "../runtime/load-model.js";
import { OFFERED_DTYPES } from "../runtime/model-files/convert.js";
import { readModel, type StoredModel } from "../runtime/model-files/stored-model.js";
import type { Runtime } from "../runtime/runtime.js";
import type { FloatDtype, WeightDtype } from "../runtime/weights/weight-dtype.js";
import { kernelProgress } from "../trainer/progress.js";
import { type LocalModelSource, openModelSource } from "./hub-model.js";
import { wholeNumber } from "./options.js";

export function modelOption(): Option {
  return new Option(
    "--model <path>",
    "folder with model.safetensors and config.json; a .safetensors, .pth, .pt or .bin file; " +
      "hf:OWNER/NAME or timm:NAME of the Hugging Face Hub",
  );
}

/** Without a default: a resumed run takes the checkpoint's device. */
export function deviceOption(): Option {
  return new Option(
    "--device <device>",
    "auto (a GPU, else wasm), wasm, webgpu, webgpu:ADAPTER, tfjs:cpu, tfjs:webgpu, or tfjs:tensorflow",
  );
}

export function gpuTierOption(): Option {
  return new Option(
    "--gpu-tier <tier>",
    `GPU features to use: auto (the highest tier that passes its self-check), ${GPU_TIERS.join(", ")}`,
  );
}

/** `auto`, or a whole number; the executor checks the range. `auto`: what that means in the help. */
export function threadsOption(auto = "the cores this process may use"): Option {
  const parse = wholeNumber("--threads", { min: 1, max: 256 });
  return new Option("--threads <n>", `compute threads: a number, or auto (${auto})`)
    .default("auto")
    .argParser((text): number | "auto" => (text === "auto" ? text : parse(text)));
}

/** What --dtype takes for weights in floating point. */
export const FLOAT_DTYPES: Readonly<Record<string, FloatDtype>> = {
  f32: "float32",
  float32: "float32",
  f16: "float16",
  float16: "float16",
  bf16: "bfloat16",
  bfloat16: "bfloat16",
};

const DTYPES: Readonly<Record<string, WeightDtype>> = { ...FLOAT_DTYPES, int8: "int8" };

export function dtypeOption(
  help = "weights: f32, f16 or bf16 (widened to f32), or int8 (wasm only); default: the file's",
): Option {
  return new Option("--dtype <dtype>", help).argParser(parseDtype);
}

/** The device options of a server, which has a model for long. */
export function serveDeviceOptions(): Option[] {
  const dtype =
    "weights: f32, f16 or bf16 (widened to f32), int8 (wasm only; f32 where that is faster); default: the file's";
  return [deviceOption().default("auto"), gpuTierOption(), threadsOption(), dtypeOption(dtype)];
}

/** What --dtype takes → dtype. Throws `usage/dtype`. */
export function parseDtype(text: string): WeightDtype {
  const dtype = Object.hasOwn(DTYPES, text) ? DTYPES[text] : undefined;
  if (dtype) return dtype;
  throw new VitrineError("usage/dtype", `--dtype got "${quote(text)}"; allowed: f32, f16, bf16, int8`, {
    details: { flag: "--dtype", got: text },
  });
}

/** What a flag takes → the formats that visitors of a page may choose from. Throws `usage/dtype`. */
export function parseOffered(flag: string, text: string): WeightDtype[] {
  const dtypes = text.split(",").map((part) => parseDtype(part.trim()));
  const wrong = dtypes.find((dtype) => !OFFERED_DTYPES.includes(dtype));
  if (wrong === undefined) return [...new Set(dtypes)];
  const message = `${flag} got "${quote(text)}"; allowed: f32, f16, int8, separated by commas`;
  throw new VitrineError("usage/dtype", message, { details: { flag, got: text } });
}

/** The flags that choose an executor and a number format. */
export interface ExecutorChoice {
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
}

export interface RunningModel {
  runtime: Runtime;
  model: Model;
  /** Its files. */
  source: LocalModelSource;
  /** Frees weights, programs and the executor. */
  dispose(): Promise<void>;
}

/** `--dtype int8` where float32 is faster, as on a CPU without int8 dot products: float32, and a line that says so. */
export function fasterOfInt8AndFloat32(
  executor: Pick<Executor, "int8Speedup">,
  notice: (text: string) => void,
): WeightDtype {
  const speedup = executor.int8Speedup?.() ?? 1;
  if (speedup >= 1) return "int8";
  notice(
    `--dtype int8 computes in float32: on this CPU int8 has only ${speedup.toFixed(2)} of float32's speed`,
  );
  return "float32";
}

interface StartOptions extends ModelOptions {
  /** Changes the model after it was read and before it is loaded. */
  adapt?: (model: StoredModel) => StoredModel;
}

/** An executor for one model. `background`: it computes beside the event loop also with one thread. */
function modelRuntime(
  { device, gpuTier, threads }: ExecutorChoice,
  { background = false } = {},
): Promise<Runtime> {
  return createRuntime({
    host: nodeHost(),
    device,
    gpuTier,
    threads,
    background,
    onKernels: kernelProgress(),
  });
}

/** For a served model: int8 computes in float32 where that is faster. */
export async function servingRuntime(
  choice: ExecutorChoice,
): Promise<{ runtime: Runtime; dtype: WeightDtype | undefined }> {
  const runtime = await modelRuntime(choice, { background: true });
  const { dtype } = choice;
  const chosen = dtype === "int8" ? fasterOfInt8AndFloat32(runtime.executor, runtime.host.notice) : dtype;
  return { runtime, dtype: chosen };
}

/** Opens the path before anything is compiled, so that a wrong one is reported at once. */
export async function startModel(
  path: string,
  choice: ExecutorChoice,
  { adapt, ...options }: StartOptions = {},
): Promise<RunningModel> {
  const { dtype } = choice;
  const source = await openModelSource(path);
  const runtime = await modelRuntime(choice);
  const stored = adapt ? adapt(await readModel(source)) : source;
  const model = await loadModel(runtime, stored, { ...options, ...(dtype && { dtype }) });
  const dispose = async (): Promise<void> => {
    model.dispose();
    await runtime.dispose();
  };
  return { runtime, model, source, dispose };
}
