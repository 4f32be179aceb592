// Micro model: the two models of a fixture folder, their sizes from its config.json, and an executor to run them on.

import { createRuntime } from "../../runtime/create-runtime.js";
import { VitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { nodeHost } from "../../runtime/host/node.js";
import { IMAGENET_MEAN, IMAGENET_STD } from "../../runtime/models/config.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import type { ParityContext } from "./case.js";

export type ModelKind = "plain" | "distilled";

interface FixtureConfig {
  image_size: number;
  patch_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  intermediate_size: number;
  num_labels: number;
  layer_norm_eps: number;
}

export function microConfig(context: ParityContext, kind: ModelKind): DeitConfig {
  const fields = context.json<FixtureConfig>("config.json");
  return {
    imageSize: fields.image_size,
    patchSize: fields.patch_size,
    dim: fields.hidden_size,
    depth: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    mlpDim: fields.intermediate_size,
    classes: fields.num_labels,
    distilled: kind === "distilled",
    layerNormEpsilon: fields.layer_norm_eps,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
    cropRatio: 0.875,
  };
}

export function microWeights(context: ParityContext, kind: ModelKind): TensorMap {
  return context.floats(`model_${kind}.safetensors`);
}

/** The executor that the context's device names. Throws what `createRuntime` throws. */
export async function parityExecutor(context: ParityContext): Promise<Executor> {
  const { device, tier } = context;
  return (await createRuntime({ host: nodeHost(), device, gpuTier: tier })).executor;
}

/** The key part of qkv.bias [3·dim]: its gradient is exactly 0, and Adam would turn rounding noise into steps. */
export function keyBias(name: string, dim: number): ((index: number) => boolean) | undefined {
  return name.endsWith("attn.qkv.bias") ? (index) => index >= dim && index < 2 * dim : undefined;
}

/** Float32 values of a tensor in a fixture file. */
export function fixtureValues(context: ParityContext, file: string, tensor: string): Float32Array {
  const found = context.floats(file).get(tensor);
  if (!found) throw new VitrineError("file/unreadable", `${file}: it has no float32 tensor ${tensor}`);
  return found.data;
}

/** Class indices [batch] of an I64 tensor. */
export function fixtureLabels(context: ParityContext, file: string, tensor: string): number[] {
  const found = context.tensors(file).get(tensor);
  if (!found) throw new VitrineError("file/unreadable", `${file}: it has no tensor ${tensor}`);
  return Array.from(found.data as ArrayLike<number | bigint>, Number);
}
