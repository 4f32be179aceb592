// The page: loads the model once, then classifies every photograph that is dropped, pasted or chosen.
//
// `?device=wasm` or `?device=webgpu` in its URL sets the device; the default is a hardware GPU, else wasm.
//
// A program that embeds or automates the page can listen on `window` for the event `vitrine:classified`; its detail is
// {file, classification} with the logits.

import type { Classification, Classifier } from "../browser/contract.js";
import { createClassifier } from "../browser/index.js";
import { modelFailure, photographFailure } from "./display-text.js";
import {
  chooseButtons,
  fileField,
  showDevice,
  showDownload,
  showFailure,
  showKernels,
  showModel,
  showModelFailure,
  showPhotograph,
  showResult,
} from "./page.js";
import { listenForPhotographs } from "./photograph-input.js";

declare global {
  interface WindowEventMap {
    "vitrine:classified": CustomEvent<{ file: File; classification: Classification }>;
  }
}

/** models.json of the page's server. */
interface ModelList {
  models: { name: string; url: string; bytes: number }[];
}

async function load(): Promise<Classifier> {
  const response = await fetch("./models.json");
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  const [model] = ((await response.json()) as ModelList).models;
  if (!model) throw new Error("this server has no model");
  showDownload(model.name, { loaded: 0, total: model.bytes });
  const classifier = await createClassifier({
    model: new URL(model.url, document.baseURI),
    assets: new URL("./", document.baseURI),
    device: new URLSearchParams(location.search).get("device") ?? "auto",
    onKernels: showKernels,
    onMoved: (card) => showDevice(card),
    onProgress: ({ loaded, total }) => showDownload(model.name, { loaded, total: total ?? model.bytes }),
  });
  showModel(classifier.card, model.bytes);
  showDevice(classifier.card);
  return classifier;
}

const ready = load();
ready.catch((error) => showModelFailure(modelFailure(error)));

/** A later photograph replaces one that is still being read. */
let latest: File | undefined;

async function classify(file: File): Promise<void> {
  latest = file;
  showPhotograph(file);
  let classifier: Classifier;
  try {
    classifier = await ready;
  } catch (error) {
    showModelFailure(modelFailure(error));
    return;
  }
  if (latest !== file) return;
  try {
    const classification = await classifier.classify(file);
    if (latest !== file) return;
    showResult(classification);
    window.dispatchEvent(new CustomEvent("vitrine:classified", { detail: { file, classification } }));
  } catch (error) {
    if (latest === file) showFailure(photographFailure(error));
  }
}

listenForPhotographs(
  fileField,
  chooseButtons,
  (file) => void classify(file),
  (reason) => showFailure({ line: "That contained no picture.", advice: reason }),
);
