// Open version: a version of a model on its device: planned within the server's memory, loaded, warmed by a batch of
// each size, and ready to answer.

import type { Model } from "../../runtime/load-model.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { ModelEngine, ModelLimits } from "../../server/inference/contract.js";
import { createEngine, type EngineOptions, type ServedModel } from "../../server/inference/engine/engine.js";
import { type ModelOnDevice, RecoveringModel } from "../../server/inference/engine/recovering-model.js";
import type { VersionToLoad } from "../../server/inference/repository/live-repository.js";
import type { MemoryBudget } from "../../server/inference/repository/memory-budget.js";

/** A model on a device of its own. */
export interface StartedModel {
  runtime: Runtime;
  model: Model;
  /** SHA-256 of its weight files, hexadecimal. */
  digest: string;
  /** Frees weights, programs and the executor. */
  dispose(): Promise<void>;
}

export interface OpeningOptions {
  /** Loads the model at `path`; `dtype`: of its settings, else the server's. */
  start(path: string, dtype: string | undefined, batchSizes: readonly number[]): Promise<StartedModel>;
  /** What every engine is given besides its model. */
  engine(): Omit<EngineOptions, "version" | "limits" | "priority">;
  /** Of the server; a model's own settings go before them. */
  limits: ModelLimits;
  memory: MemoryBudget;
  /** Is passed a line about each model and its device. */
  say(text: string): void;
}

/** While a model loads: its file, its weights in float32, and what the device keeps, packed for its kernels too. */
const COPIES_WHILE_LOADING = 3;

/** Powers of two up to `maxBatch`, and `maxBatch` itself: each gets a program. */
function batchSizes(maxBatch: number): number[] {
  const sizes = [];
  for (let size = 1; size < maxBatch; size *= 2) sizes.push(size);
  return [...sizes, maxBatch];
}

const isOnGpu = (device: string): boolean => device.startsWith("webgpu") || device === "tfjs:webgpu";

function onDevice({ runtime, model, dispose }: StartedModel): ModelOnDevice {
  const { executor, description } = runtime;
  return { device: executor.device, description, submit: model.submit, dispose };
}

/** Loads versions of models, one at a time. Each has an executor of its own, whose memory is freed with it. */
export function versionOpener(options: OpeningOptions): (version: VersionToLoad) => Promise<ModelEngine> {
  return (version) => openVersion(version, options);
}

async function openVersion(
  { name, version, path, settings, weightBytes }: VersionToLoad,
  { start, engine: shared, limits: common, memory, say }: OpeningOptions,
): Promise<ModelEngine> {
  const limits = { ...common, ...settings.limits };
  const sizes = batchSizes(limits.maxBatch);
  const subject = `model ${name}, version ${version}`;
  const reservation = memory.reserve(subject, COPIES_WHILE_LOADING * weightBytes);
  let running: RecoveringModel | undefined;
  try {
    const open = () => start(path, settings.dtype, sizes);
    const first = await open();
    const { runtime, model, digest } = first;
    running = new RecoveringModel(onDevice(first), async () => onDevice(await open()), say);
    const current = running;
    // A model on a GPU keeps nothing in the machine's memory; its device refuses what does not fit.
    reservation.settle(isOnGpu(runtime.executor.device) ? 0 : model.bytes);
    const imageBytes = model.config.imageSize ** 2 * 3;
    for (const size of sizes) await (await current.submit(new Uint8Array(size * imageBytes), size)).outcome;
    const served: ServedModel = {
      ...model,
      name,
      weightsDigest: digest,
      readPicture: (encoded) => model.readPicture(encoded, { pixelLimit: limits.maxPixels }),
      submit: (images, count, extra) => current.submit(images, count, extra),
      get device() {
        return current.device;
      },
    };
    const engine = createEngine(served, { ...shared(), version, limits, priority: settings.priority });
    const { imageSize, classes } = model.config;
    const parameters = model.parameters.toLocaleString("en-US");
    say(`model ${name}: ${parameters} parameters, ${imageSize}×${imageSize} pixels, ${classes} classes`);
    say(`device ${runtime.description}; weights ${model.dtype}`);
    return withRelease(engine, model.bytes, async () => {
      await current.dispose();
      reservation.release();
    });
  } catch (error) {
    await running?.dispose();
    reservation.release();
    throw error;
  }
}

/** The same engine with its memory; `release` is called after it was closed. */
function withRelease(engine: ModelEngine, modelBytes: number, release: () => Promise<void>): ModelEngine {
  return {
    get facts() {
      return engine.facts;
    },
    infer: (request) => engine.infer(request),
    load: () => ({ ...engine.load(), modelBytes }),
    drain: () => engine.drain(),
    close: async () => {
      await engine.close();
      await release();
    },
  };
}
