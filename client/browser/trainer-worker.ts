// Trainer worker: a run's own thread in a page. It computes; pictures are made in another one.

import { createRuntime } from "../../runtime/create-runtime.js";
import { toErrorRecord, VitrineError } from "../../runtime/errors.js";
import { browserHost } from "../../runtime/host/browser.js";
import { readPicture } from "../../runtime/image/picture-reader.js";
import { type ClassScore, classScores } from "../../runtime/inference/logits.js";
import { inputTransform } from "../../runtime/models/config.js";
import { modelFiles } from "../../trainer/core/checkpoint-files.js";
import { train } from "../../trainer/core/loop.js";
import type { RunObserver } from "../../trainer/core/run.js";
import { RunControl } from "../../trainer/core/run-control.js";
import { startWorker } from "./start-worker.js";
import type { TrainedEvaluation, TrainedStep, TrainerFacts, TrainingEnd } from "./train/contract.js";
import type { Call, CallName, Calls, FromTrainer, OpenRequest, TrainerEvent } from "./train/messages.js";
import { addPoint, isStop } from "./train/page-record.js";
import { recordInPageWords } from "./train/page-words.js";
import { type OpenRuntime, type PreparedPageRun, prepareRun } from "./train/prepare-run.js";
import { saveRegularly } from "./train/regular-saves.js";

/** The part of DedicatedWorkerGlobalScope in use; the DOM's types describe only a page. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<Call>) => void) | null;
  postMessage(message: FromTrainer, transfer?: Transferable[]): void;
}
const scope = globalThis as unknown as WorkerScope;
const tell = (event: TrainerEvent): void => scope.postMessage(event);

let prepared: PreparedPageRun | undefined;
let interruption = new AbortController();
let control = new RunControl();
/** Settles when the call of `train` in progress has ended. */
let training: Promise<unknown> | undefined;

function opened(): PreparedPageRun {
  if (!prepared) throw new Error("a call came before the run was opened");
  return prepared;
}

function runtimeOpener({ threads, assets }: OpenRequest): OpenRuntime {
  const newThread = () =>
    startWorker(
      () => new Worker(new URL("./pool-thread.js", import.meta.url), { type: "module" }),
      "./pool-thread.js",
      import.meta.url,
    );
  return (device, relaxed) =>
    createRuntime({
      host: browserHost(assets, newThread),
      device,
      threads,
      relaxed,
      trains: true,
      background: true,
      onKernels: ({ made, wanted }) => tell({ kind: "kernels", progress: { made, wanted } }),
    });
}

const startDecoder = (): Worker =>
  startWorker(
    () => new Worker(new URL("./trainer-decoder.js", import.meta.url), { type: "module" }),
    "./trainer-decoder.js",
    import.meta.url,
  );

async function open(request: OpenRequest): Promise<TrainerFacts> {
  prepared = await prepareRun({
    request,
    openRuntime: runtimeOpener(request),
    startDecoder,
    events: {
      onProgress: (progress) => tell({ kind: "progress", progress }),
      onPlan: (plan) => tell({ kind: "plan", plan }),
      onNotice: (text) => tell({ kind: "notice", text }),
    },
    interruption: interruption.signal,
  });
  return prepared.facts;
}

/** Tells the page of steps and validations, and adds them to the curves that are kept. */
function observerOf({ facts, history }: PreparedPageRun): RunObserver {
  const start = performance.now();
  let first = -1;
  return {
    begins: () => {},
    stepped: ({ step, epoch, loss, runningLoss, learningRate, imagesPerSecond }) => {
      if (first < 0) first = step - 1;
      const seconds = (performance.now() - start) / 1000;
      const remainingSeconds = (seconds / (step - first)) * (facts.steps - step);
      const rates = { learningRate, imagesPerSecond, remainingSeconds };
      const trained: TrainedStep = {
        step,
        steps: facts.steps,
        epoch: epoch + 1,
        loss,
        runningLoss,
        ...rates,
      };
      addPoint(history.steps, trained);
      tell({ kind: "step", step: trained });
    },
    validated: (step, { images, weights: { top1, loss } }) => {
      const evaluation: TrainedEvaluation = { step, top1, loss, images };
      addPoint(history.evaluations, evaluation);
      tell({ kind: "evaluation", evaluation });
    },
    answered: () => {},
    validationEnds: () => {},
    saved: () => {},
    wantsBatch: () => false,
    shows: () => {},
  };
}

async function trainRun(): Promise<TrainingEnd> {
  const own = opened();
  if (training) throw new VitrineError("usage/training", "the run trains already");
  interruption = new AbortController();
  control = new RunControl();
  own.run = {
    ...own.run,
    interruption: interruption.signal,
    control,
    observer: observerOf(own),
  };
  const { state } = own.run;
  const running = train(own.run);
  training = running.catch(() => {});
  const endSaves = saveRegularly(control);
  try {
    await running;
    return { finished: true, step: state.step };
  } catch (error) {
    if (!isStop(error)) throw error;
    return { finished: false, step: state.step };
  } finally {
    training = undefined;
    endSaves();
    control.end();
  }
}

async function stop(): Promise<null> {
  interruption.abort();
  await training;
  return null;
}

async function classify({ picture, topK }: Calls["classify"]["ask"]): Promise<ClassScore[]> {
  const { run, labels, runtime } = opened();
  const { config } = run.objective;
  const file = new Uint8Array(await picture.arrayBuffer());
  const pixels = await readPicture(runtime.image, file, inputTransform(config));
  const { logits } = await run.training.evaluate(pixels, 1, "weights");
  return classScores(logits, labels, topK);
}

async function exportModel(which: "last" | "best"): Promise<Calls["export"]["answer"]> {
  const { run, files, configText } = opened();
  const names = ["model.safetensors", "config.json"] as const;
  const read = which === "best" ? await files.newest("best") : null;
  if (which === "best" && !read)
    throw new VitrineError(
      "checkpoint/missing",
      "no validation has been done yet: export the last model, or train with validation pictures",
    );
  const made = read ? null : await modelFiles(run.training, run.state, configText);
  const contents = await Promise.all(
    names.map(
      async (name) => [name, (read ? await read(name) : made?.get(name)) ?? new Uint8Array()] as const,
    ),
  );
  return new Map(contents.map(([name, bytes]) => [name, Uint8Array.from(bytes)]));
}

async function save(): Promise<number> {
  const { run } = opened();
  // A run that does not train is saved.
  return training ? control.save() : run.state.step;
}

const CALLS: { [Name in CallName]: (ask: Calls[Name]["ask"]) => Promise<Calls[Name]["answer"]> } = {
  open,
  train: trainRun,
  pause: async () => {
    control.pause();
    return null;
  },
  resume: async () => {
    control.resume();
    return null;
  },
  stop,
  save,
  classify,
  export: exportModel,
};

async function respond({ id, name, ask }: Call): Promise<void> {
  try {
    const answer = await (CALLS[name] as (ask: unknown) => Promise<Calls[CallName]["answer"]>)(ask);
    scope.postMessage({ kind: "answer", id, answer });
  } catch (error) {
    scope.postMessage({ kind: "failed", id, error: recordInPageWords(toErrorRecord(error)) });
  }
}

scope.onmessage = ({ data }) => void respond(data);
