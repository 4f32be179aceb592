// Trainer decoder: a thread of a page that makes the pixels of samples, with its own image module, so that the next batch
// is made while the model computes.

import { runSampleTask } from "../../runtime/batches/run-sample-task.js";
import { noStageSeconds, type SampleTask } from "../../runtime/batches/sample-task.js";
import { toErrorRecord } from "../../runtime/errors.js";
import { browserHost } from "../../runtime/host/browser.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import type { FromDecoder, PictureLocation, ToDecoder } from "./train/messages.js";

/** The part of DedicatedWorkerGlobalScope in use; the DOM's types describe only a page. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToDecoder>) => void) | null;
  postMessage(message: FromDecoder, transfer?: Transferable[]): void;
}
const scope = globalThis as unknown as WorkerScope;

let module: ImageModule | undefined;
const stages = noStageSeconds();

async function readBytes(picture: Blob): Promise<Uint8Array> {
  return new Uint8Array(await picture.arrayBuffer());
}

function locationsOf(task: SampleTask<PictureLocation>): PictureLocation[] {
  return task.kind === "training" ? task.samples.map(({ location }) => location) : [task.location];
}

/** The same task with consecutive places, and their number. */
function compact(task: SampleTask<PictureLocation>): [task: SampleTask<PictureLocation>, places: number] {
  if (task.kind === "evaluation") return [{ ...task, place: 0 }, 1];
  let places = 0;
  const samples = task.samples.map((sample) => ({
    ...sample,
    place: sample.place === null ? null : places++,
  }));
  return [{ ...task, samples }, places];
}

async function run({ id, task }: Extract<ToDecoder, { kind: "task" }>): Promise<void> {
  try {
    if (!module) throw new Error("a task came before the start");
    const reading = locationsOf(task).map(({ picture }) => readBytes(picture));
    for (const bytes of reading) bytes.catch(() => {});
    const [compacted, places] = compact(task);
    const size = task.kind === "training" ? task.recipe.size : task.size;
    const pixels = new Uint8Array(places * size * size * 3);
    const outcome = await runSampleTask({ module, stages, advice: {} }, compacted, pixels, reading);
    scope.postMessage({ kind: "done", id, outcome, pixels }, [pixels.buffer]);
  } catch (error) {
    scope.postMessage({ kind: "failed", id, error: toErrorRecord(error) });
  }
}

async function start(assets: string | undefined): Promise<void> {
  try {
    module = await createImageModule(browserHost(assets));
    scope.postMessage({ kind: "ready" });
  } catch (error) {
    scope.postMessage({ kind: "unusable", error: toErrorRecord(error) });
  }
}

/** One task after another: two pictures at once would need twice the memory. */
let last = Promise.resolve();

scope.onmessage = ({ data }) => {
  last = last.then(() => (data.kind === "start" ? start(data.assets) : run(data)));
};
