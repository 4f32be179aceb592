// Page: the elements of index.html and what they show. Independent of the classifier.

import type { DownloadProgress } from "../../runtime/host/browser.js";
import type { ClassScore } from "../../runtime/inference/logits.js";
import type { Classification, KernelProgress, ModelCard } from "../browser/contract.js";
import {
  deviceLine,
  type Failure,
  fallbackLine,
  megabytes,
  modelLine,
  percent,
  splitSynonyms,
  timingLine,
} from "./display-text.js";

function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html lacks #${id}`);
  return found;
}

const deviceNote = element("device-note", HTMLElement);
const deviceFacts = element("device-line", HTMLElement);
const photograph = element("photograph", HTMLImageElement);
const invitation = element("invitation", HTMLElement);
const caption = element("caption", HTMLElement);
const fileName = element("file-name", HTMLElement);
const modelFacts = element("model-line", HTMLElement);
const loading = element("loading", HTMLElement);
const loadingLine = element("loading-line", HTMLElement);
const loadingBytes = element("loading-bytes", HTMLElement);
const download = element("download", HTMLProgressElement);
const waiting = element("waiting", HTMLElement);
const result = element("result", HTMLElement);
const verdict = element("verdict", HTMLElement);
const synonyms = element("synonyms", HTMLElement);
const scores = element("scores", HTMLOListElement);
const timing = element("timing", HTMLElement);
const failure = element("failure", HTMLElement);
const failureEyebrow = element("failure-eyebrow", HTMLElement);
const failureLine = element("failure-line", HTMLElement);
const failureAdvice = element("failure-advice", HTMLElement);
const announcement = element("announcement", HTMLElement);

export const fileField = element("file", HTMLInputElement);
export const chooseButtons = [element("choose", HTMLButtonElement), element("another", HTMLButtonElement)];

/** The panel shows one of its four parts at a time. */
function showInPanel(shown: HTMLElement): void {
  for (const part of [loading, waiting, result, failure]) part.hidden = part !== shown;
}

/** While the weights download; the header shows the model's name already. */
export function showDownload(modelName: string, { loaded, total }: DownloadProgress): void {
  modelFacts.textContent = modelName;
  const fraction = total ? Math.min(1, loaded / total) : undefined;
  if (fraction === undefined) download.removeAttribute("value");
  else download.value = fraction;
  loadingLine.textContent = fraction === 1 ? `Preparing ${modelName}` : `Downloading ${modelName}`;
  loadingBytes.textContent = total ? `${megabytes(loaded)} of ${megabytes(total)}` : megabytes(loaded);
}

/** While the GPU's driver compiles, after the weights have downloaded. */
export function showKernels({ made, wanted }: KernelProgress): void {
  download.value = made / wanted;
  loadingLine.textContent = "Preparing the GPU";
  loadingBytes.textContent = `${made} of ${wanted} kernels`;
}

/** Where the model runs, and a note where that is not the requested device. */
export function showDevice(card: ModelCard): void {
  document.body.dataset.device = card.device;
  deviceFacts.textContent = deviceLine(card);
  deviceFacts.title = card.deviceDescription;
  deviceNote.hidden = card.fallback === undefined;
  deviceNote.textContent = card.fallback === undefined ? "" : fallbackLine(card.fallback);
}

/** The model is loaded; without a photograph the panel says what will appear. */
export function showModel(card: ModelCard, bytes: number | undefined): void {
  document.body.dataset.model = "ready";
  modelFacts.textContent = modelLine(card, bytes);
  const count = card.labels.length.toLocaleString("en");
  waiting.textContent = `Ready. The five most probable of ${count} classes will appear here.`;
  if (!loading.hidden) showInPanel(waiting);
}

export function showModelFailure(reason: Failure): void {
  document.body.dataset.model = "failed";
  showFailure(reason);
}

let pictureUrl: string | undefined;

/** Shows a picture file; a file that the browser cannot show leaves the invitation visible. */
export function showPhotograph(file: File): void {
  if (pictureUrl) URL.revokeObjectURL(pictureUrl);
  pictureUrl = URL.createObjectURL(file);
  document.body.dataset.photograph = "reading";
  photograph.onload = () => showPicture(true);
  photograph.onerror = () => showPicture(false);
  photograph.alt = `The photograph ${file.name}`;
  photograph.src = pictureUrl;
  fileName.textContent = file.name || "Pasted picture";
  if (document.body.dataset.model !== "ready" || !result.hidden) return;
  waiting.textContent = "Classifying …";
  showInPanel(waiting);
}

function showPicture(visible: boolean): void {
  photograph.hidden = !visible;
  invitation.hidden = visible;
  caption.hidden = !visible;
}

function scoreItem({ label, probability }: ClassScore): HTMLLIElement {
  const item = document.createElement("li");
  item.className = "score";
  const name = document.createElement("span");
  name.className = "score-label";
  name.textContent = splitSynonyms(label)[0];
  name.title = label;
  const number = document.createElement("span");
  number.className = "score-percent";
  number.textContent = percent(probability);
  const bar = document.createElement("span");
  bar.className = "score-bar";
  bar.setAttribute("aria-hidden", "true");
  bar.style.setProperty("--probability", String(probability));
  item.append(name, number, bar);
  return item;
}

export function showResult(classification: Classification): void {
  const [best] = classification.classes;
  const [name, others] = splitSynonyms(best?.label ?? "");
  document.body.dataset.photograph = "classified";
  verdict.textContent = name;
  synonyms.textContent = others;
  scores.replaceChildren(...classification.classes.map(scoreItem));
  timing.textContent = timingLine(classification);
  showInPanel(result);
  announcement.textContent = `${name}, ${percent(best?.probability ?? 0)}`;
}

export function showFailure({ line, advice }: Failure): void {
  document.body.dataset.photograph = "failed";
  failureEyebrow.textContent = fileName.textContent;
  failureLine.textContent = line;
  failureAdvice.textContent = advice;
  showInPanel(failure);
  announcement.textContent = `${line} ${advice}`;
}
