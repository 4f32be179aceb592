// Vitrine in a page: its bundle as a page without a bundler loads it, and a camera. `?dtype=float16` or `?dtype=int8`
// loads the file of that format, from a folder that offers several.

import type { Classifier, createClassifier, WeightsDtype } from "../../client/browser/index.js";
import { measure } from "./page-peer.js";

const LIBRARY = "/dist/client/bundle/index.js";
const library: Promise<{ createClassifier: typeof createClassifier }> = import(LIBRARY);
const dtype = new URLSearchParams(location.search).get("dtype") as WeightsDtype | null;
const model = dtype === null ? { model: "/model/" } : { model: "/offered/", dtype };
const classifier = library.then(({ createClassifier }) => createClassifier({ ...model, device: "wasm" }));
/** Of the last picture, the milliseconds in the model. */
let modelMs = Number.NaN;

measure(async () => {
  const loaded = await classifier;
  return async (file) => {
    const { classes, milliseconds } = await loaded.classify(file, { topK: 1 });
    modelMs = milliseconds.model;
    return classes[0];
  };
});

declare global {
  interface Window {
    /** Camera frames classified in a second. */
    cameraFps(seconds: number): Promise<number>;
    /** The format that `dtype: "auto"` chooses among those of the offering folder. */
    autoDtype(): Promise<string>;
    /** Milliseconds in the model: the fastest of so many classifications. */
    fastestModelMs(rounds: number): Promise<number>;
  }
}

window.autoDtype = async () => {
  const { createClassifier } = await library;
  const chosen: Classifier = await createClassifier({ model: "/offered/", device: "wasm" });
  chosen.dispose();
  return chosen.card.dtype;
};

window.fastestModelMs = async (rounds) => {
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    await window.warm(1);
    fastest = Math.min(fastest, modelMs);
  }
  return fastest;
};

window.cameraFps = async (seconds) => {
  const loaded = await classifier;
  const video = document.createElement("video");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  await video.play();
  let frames = 0;
  const start = performance.now();
  while (performance.now() - start < 1000 * seconds) {
    await loaded.classify(video, { topK: 1 });
    frames++;
  }
  const spent = (performance.now() - start) / 1000;
  for (const track of (video.srcObject as MediaStream).getTracks()) track.stop();
  return frames / spent;
};
