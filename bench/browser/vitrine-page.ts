// Vitrine in a page: its bundle as a page without a bundler loads it, and a camera.

import type { createClassifier } from "../../client/browser/index.js";
import { measure } from "./page-peer.js";

const LIBRARY = "/dist/client/bundle/index.js";
const library: Promise<{ createClassifier: typeof createClassifier }> = import(LIBRARY);
const classifier = library.then(({ createClassifier }) =>
  createClassifier({ model: "/model/", device: "wasm" }),
);

measure(async () => {
  const loaded = await classifier;
  return async (file) => {
    const { classes } = await loaded.classify(file, { topK: 1 });
    return classes[0];
  };
});

declare global {
  interface Window {
    /** Camera frames classified in a second. */
    cameraFps(seconds: number): Promise<number>;
  }
}

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
