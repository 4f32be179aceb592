// vitrine serve: a model behind the Open Inference Protocol over gRPC.

import type { Command } from "commander";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { runUntilSignal } from "../../server/drain.js";
import {
  DEFAULT_MAX_BATCH,
  DEFAULT_MAX_MESSAGE_BYTES,
  DEFAULT_MAX_QUEUE,
  startInferenceServer,
} from "../../server/inference/inference-server.js";
import { pictureReader } from "../../server/inference/read-picture.js";
import { type ModelOnDevice, RecoveringModel } from "../../server/inference/recovering-model.js";
import type { ServedModel } from "../../server/inference/served-model.js";
import { action } from "../command-line.js";
import {
  deviceOption,
  dtypeOption,
  gpuTierOption,
  modelOption,
  type RunningModel,
  startModel,
  threadsOption,
} from "../model-options.js";
import { wholeNumber } from "../number-option.js";
import { packageVersion } from "../package-version.js";

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
}

/** Powers of two up to `maxBatch`, and `maxBatch` itself: a program for each. */
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
  const { maxBatch, maxQueue, maxMessageBytes } = options;
  const open = () => startModel(options.model, options, { batchSizes: batchSizes(maxBatch) });
  const first = await open();
  const { runtime, model } = first;
  const running = new RecoveringModel(onDevice(first), async () => onDevice(await open()), notice);
  const name = options.name ?? model.name;
  const served: ServedModel = {
    ...model,
    name,
    readPicture: pictureReader(runtime.image, model.config),
    submit: (pixels, count) => running.submit(pixels, count),
    get device() {
      return running.device;
    },
  };
  const server = await startInferenceServer({
    models: [served],
    listen: options.listen,
    version: packageVersion(),
    maxBatch,
    maxQueue,
    maxMessageBytes,
  });
  const { imageSize, classes } = model.config;
  const parameters = model.parameters.toLocaleString("en-US");
  notice(`model ${name}: ${parameters} parameters, ${imageSize}×${imageSize} pixels, ${classes} classes`);
  notice(`device ${runtime.description}; weights ${model.dtype}`);
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    notice(`${signal}: finishing what runs, then leaving`);
    await server.drain();
    await running.dispose();
  };
  await runUntilSignal(stop, () => process.stdout.write(`listening on ${server.address}\n`));
}

export function registerServe(program: Command): void {
  program
    .command("serve")
    .description("answer pictures over gRPC (Open Inference Protocol v2)")
    .addOption(modelOption().makeOptionMandatory())
    .option("--listen <host:port>", "address to listen on; port 0 takes a free one", "127.0.0.1:8001")
    .option("--name <name>", "the model's name for clients (default: its folder's or file's)")
    .addOption(deviceOption())
    .addOption(gpuTierOption())
    .addOption(threadsOption())
    .addOption(dtypeOption())
    .option(
      "--max-batch <images>",
      "images that run at once",
      wholeNumber("--max-batch", { min: 1, max: 256 }),
      DEFAULT_MAX_BATCH,
    )
    .option(
      "--max-queue <images>",
      "images that may wait",
      wholeNumber("--max-queue", { min: 1 }),
      DEFAULT_MAX_QUEUE,
    )
    .option(
      "--max-message-bytes <bytes>",
      "largest request",
      wholeNumber("--max-message-bytes", { min: 1024, max: 2 ** 31 - 1 }),
      DEFAULT_MAX_MESSAGE_BYTES,
    )
    .action(action(serve));
}
