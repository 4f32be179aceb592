// vitrine/browser: classifies photographs in a page, in workers, with the decoder and the kernels that Node uses.

import { isVitrineError, quote, VitrineError } from "../../runtime/errors.js";
import { settledBy, WorkerClassifier } from "./classifier.js";
import type { Classifier, ClassifierOptions, RemoteOptions } from "./contract.js";
import { Decoder } from "./decoder.js";
import { CLASSIFIER_OPTIONS, REMOTE_OPTIONS, refuseUnknown } from "./known-options.js";
import type { LoadedModel, LoadRequest } from "./messages.js";
import { absolute, modelRequest } from "./model-request.js";
import type { ModelStage } from "./model-stage.js";
import { ModelThread } from "./model-thread.js";
import { RemoteModel } from "./remote-model.js";

export { type ErrorCode, type ErrorDetails, isVitrineError, VitrineError } from "../../runtime/errors.js";
export type { DownloadProgress } from "../../runtime/host/browser-download.js";
export type { DownloadFacts } from "../../runtime/host/browser-source.js";
export { clearCache } from "../../runtime/host/browser-store.js";
export type { CancelSignal, DrawablePicture, Url, WebBlob } from "../../runtime/host/environment-types.js";
export type { PictureArea } from "../../runtime/image/evaluation-crop.js";
export type { ClassScore } from "../../runtime/inference/logits.js";
export type { FloatDtype, WeightDtype } from "../../runtime/weights/weight-dtype.js";
export type {
  Attention,
  Classification,
  Classifier,
  ClassifierDevice,
  ClassifierOptions,
  ClassifyOptions,
  HeadAnswer,
  JsonFile,
  KernelProgress,
  ModelBytes,
  ModelCard,
  Occlusion,
  PictureFacts,
  PictureInput,
  RemoteOptions,
  StageTimes,
  WeightsDtype,
} from "./contract.js";

const DEVICES = ["auto", "wasm", "webgpu", "remote"];

function expectBrowser(): void {
  if (typeof Worker === "function" && typeof location === "object") return;
  const text =
    "vitrine/browser runs in a page or a worker of it, and there is none here; in Node, use createRuntime and " +
    "loadModel of vitrine/runtime, and in server-side rendering call createClassifier in the browser only";
  throw new VitrineError("usage/browser", text);
}

function checkOptions(options: ClassifierOptions): void {
  refuseUnknown(options, CLASSIFIER_OPTIONS, "createClassifier");
  const { device = "auto", remote, pixelLimit = 1 } = options;
  if (remote) refuseUnknown(remote, REMOTE_OPTIONS, "remote");
  if (!DEVICES.includes(device)) {
    const text = `no device "${quote(String(device))}"; allowed: ${DEVICES.join(", ")} (option device)`;
    throw new VitrineError("device/unknown", text, { details: { device: String(device) } });
  }
  if (device === "remote" && !remote)
    throw new VitrineError(
      "usage/bad-option",
      "device remote needs the option remote: { url, model?, token? }",
    );
  if (!(Number.isSafeInteger(pixelLimit) && pixelLimit >= 1))
    throw new VitrineError(
      "usage/number",
      `pixelLimit is ${pixelLimit}; allowed: a whole number, at least 1`,
    );
}

/** A task later: React's StrictMode unmounts an effect in the task that mounted it. */
const nextTask = () => new Promise<void>((resolve) => setTimeout(resolve));

/**
 * Starts two workers, one that decodes and one that loads the model. A load whose signal is aborted in the task that
 * began it starts and downloads nothing.
 *
 * Throws `network/unreachable` and `network/http` where a file or a worker's script cannot be fetched, `model/…` and `weights/…` where the
 * model is not valid, `device/…` where the requested device is not available, `usage/…` for an option, `usage/browser`
 * outside a browser, `internal/worker` where a worker's script fails, and the signal's reason.
 *
 * ```ts
 * const classifier = await createClassifier({ model: "/models/deit/" });
 * const { classes } = await classifier.classify(file, { topK: 3 });
 * classifier.dispose();
 * ```
 */
export async function createClassifier(options: ClassifierOptions): Promise<Classifier> {
  expectBrowser();
  checkOptions(options);
  const signal = options.signal as AbortSignal | undefined;
  const assets = options.assets === undefined ? undefined : absolute(options.assets, "assets");
  const model = options.device === "remote" ? undefined : await modelRequest(options);
  await nextTask();
  signal?.throwIfAborted();
  // Either part that fails ends the other.
  const control = new AbortController();
  const stop = () => control.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  const decoder = new Decoder(assets);
  const part = { ...options, signal: control.signal };
  const opening = model ? openHere({ model, assets }, part) : openRemote(part);
  try {
    const [{ stage, loaded }] = await settledBy(control.signal, Promise.all([opening, decoder.opened]));
    return new WorkerClassifier(decoder, stage, loaded, options.pixelLimit);
  } catch (error) {
    const ended = new VitrineError("usage/disposed", "the load was ended");
    control.abort(ended);
    decoder.end(ended);
    // Where the model was there first.
    opening.then(
      ({ stage }) => stage.end(ended),
      () => {},
    );
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

interface OpenModel {
  stage: ModelStage;
  loaded: LoadedModel;
}

/** No device of this machine can run the model, or there is no worker for it: a server may have what is missing. */
function isOfDevices(error: unknown): boolean {
  if (!isVitrineError(error)) return false;
  return /^(device|graph|internal)\//.test(error.code) || error.details.worker === "model";
}

/** In a worker of the page; with `auto`, on the server where no device of this machine can run the model. */
async function openHere(
  { model, assets }: Pick<LoadRequest, "model" | "assets">,
  options: ClassifierOptions & { signal: AbortSignal },
): Promise<OpenModel> {
  const { device = "auto", threads = "auto", remote, signal } = options;
  const stage = new ModelThread({ model, assets, device, threads }, options);
  try {
    return { stage, loaded: await settledBy(signal, stage.loaded) };
  } catch (error) {
    stage.end(new VitrineError("usage/disposed", "the load was ended"));
    if (!remote || device !== "auto" || !isOfDevices(error)) throw error;
    const { stage: there, loaded } = await openRemote(options);
    loaded.card.fallback = (error as Error).message;
    return { stage: there, loaded };
  }
}

async function openRemote({
  remote,
  signal,
}: ClassifierOptions & { signal: AbortSignal }): Promise<OpenModel> {
  const stage = await RemoteModel.open(remote as RemoteOptions, signal);
  return { stage, loaded: stage.loaded };
}
