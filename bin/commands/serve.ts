// vitrine serve: serves a model over gRPC, by the Open Inference Protocol v2.

import type { Command } from "commander";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { runUntilSignal } from "../../server/drain.js";
import type { ServedModel } from "../../server/inference/engine.js";
import { DEFAULT_LIMITS, startInferenceServer } from "../../server/inference/inference-server.js";
import { type ModelOnDevice, RecoveringModel } from "../../server/inference/recovering-model.js";
import { exposureWarning } from "../../server/listen.js";
import { weightsDigest } from "../../trainer/weights-digest.js";
import { action, packageVersion, withExamples } from "../command-line.js";
import {
  deviceOption,
  dtypeOption,
  gpuTierOption,
  modelOption,
  type RunningModel,
  startModel,
  threadsOption,
} from "../model-options.js";
import { maxPixelsOption, wholeNumber } from "../options.js";

interface ServeOptions {
  model: string;
  listen: string;
  name?: string;
  device: string;
  gpuTier?: string;
  threads: number | "auto";
  dtype?: WeightDtype;
  maxBatch: number;
  maxQueue: number;
  maxMessageBytes: number;
  maxPixels: number;
}

/** Powers of two up to `maxBatch`, and `maxBatch` itself: each gets a program. */
function batchSizes(maxBatch: number): number[] {
  const sizes = [];
  for (let size = 1; size < maxBatch; size *= 2) sizes.push(size);
  return [...sizes, maxBatch];
}

function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}

function onDevice({ runtime, model, dispose }: RunningModel): ModelOnDevice {
  const { executor, description } = runtime;
  return { device: executor.device, description, submit: model.submit, dispose };
}

async function serve(options: ServeOptions): Promise<void> {
  const { maxBatch, maxQueue, maxMessageBytes, maxPixels } = options;
  const open = () => startModel(options.model, options, { batchSizes: batchSizes(maxBatch), fastest: true });
  const first = await open();
  const { runtime, model } = first;
  const running = new RecoveringModel(onDevice(first), async () => onDevice(await open()), notice);
  const name = options.name ?? model.name;
  const { imageSize, classes } = model.config;
  const served: ServedModel = {
    ...model,
    name,
    weightsDigest: await weightsDigest(first.source),
    readPicture: (encoded) => model.readPicture(encoded, { pixelLimit: maxPixels }),
    submit: (pixels, count) => running.submit(pixels, count),
    get device() {
      return running.device;
    },
  };
  const server = await startInferenceServer({
    models: [served],
    listen: options.listen,
    version: packageVersion(),
    limits: { maxBatch, maxQueue, maxMessageBytes, maxPixels },
  });
  const parameters = model.parameters.toLocaleString("en-US");
  notice(`model ${name}: ${parameters} parameters, ${imageSize}×${imageSize} pixels, ${classes} classes`);
  notice(`device ${runtime.description}; weights ${model.dtype}`);
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    notice(`${signal}: finishing the requests in flight, then stopping`);
    await server.drain();
    await running.dispose();
  };
  const warning = exposureWarning(server.address, "run the model");
  if (warning) notice(warning);
  await runUntilSignal(stop, () => process.stdout.write(`listening on ${server.address}\n`));
}

export function configureServe(command: Command): void {
  command
    .optionsGroup("Model:")
    .addOption(modelOption().makeOptionMandatory())
    .option("--name <name>", "the model's name for clients (default: that of its folder or file)")
    .optionsGroup("Device:")
    .addOption(deviceOption().default("auto"))
    .addOption(gpuTierOption())
    .addOption(threadsOption())
    .addOption(
      dtypeOption(
        "weights: f32, f16 or bf16 (widened to f32), int8 (wasm only; f32 where that is faster); default: the file's",
      ),
    )
    .optionsGroup("Server:")
    .option("--listen <host:port>", "address to listen on; port 0 picks a free port", "127.0.0.1:8001")
    .option(
      "--max-batch <images>",
      "largest batch; requests are batched dynamically up to it",
      wholeNumber("--max-batch", { min: 1, max: 256 }),
      DEFAULT_LIMITS.maxBatch,
    )
    .option(
      "--max-queue <images>",
      "images that may wait in the queue; further requests are rejected",
      wholeNumber("--max-queue", { min: 1 }),
      DEFAULT_LIMITS.maxQueue,
    )
    .option(
      "--max-message-bytes <bytes>",
      "largest request in bytes",
      wholeNumber("--max-message-bytes", { min: 1024, max: 2 ** 31 - 1 }),
      DEFAULT_LIMITS.maxMessageBytes,
    )
    .addOption(maxPixelsOption("a larger JPEG is decoded at 1/2, 1/4 or 1/8"))
    .action(action(serve));
  withExamples(command, [
    ["a model folder on port 8001", "vitrine serve --model runs/shapes/best"],
    ["on four threads, for other machines", "vitrine serve --model m --listen 0.0.0.0:8001 --threads 4"],
  ]);
}
