// Display text: facts of models and verdicts as the page shows them.

import type { Classification, ModelCard } from "../../browser/contract.js";
import { megabytes } from "../design/numbers.js";
import type { ModelChoice } from "../exchange/model-list.js";

/** WordNet's class names list synonyms, the usual one first: "tench, Tinca tinca" → ["tench", "Tinca tinca"]. */
export function splitSynonyms(label: string): [first: string, others: string] {
  const [first = label, ...others] = label.split(/,\s*/);
  return [first, others.join(", ")];
}

/** What a model runs on, in a few words: "CPU, 4 threads", "GPU". */
export function deviceName({ device, threads, adapter }: ModelCard): string {
  if (device === "remote") return "server";
  // A software adapter computes on the CPU, whatever it is called.
  if (device === "webgpu") return adapter?.software ? `CPU, by ${adapter.name}` : "GPU";
  if (threads === undefined) return "CPU";
  return threads === 1 ? "CPU, one thread" : `CPU, ${threads} threads`;
}

/** What stands behind the model's name in the button that opens the settings: ` · 22.9 MB · CPU, 2 threads`. */
export function modelLine(card: ModelCard, { bytes: only, formats }: ModelChoice): string {
  const bytes = formats ? formats.find(({ dtype }) => dtype === card.dtype)?.bytes : only;
  return ["", ...(bytes === undefined ? [] : [megabytes(bytes)]), deviceName(card)].join(" · ");
}

/** What the model runs on in full, for the settings. */
export function deviceFacts(card: ModelCard): string {
  const name = deviceName(card);
  return card.device === "webgpu" && card.adapter && !card.adapter.software
    ? `${name}: ${card.adapter.name}`
    : name;
}

/** Where the weights came from. */
export function downloadFacts({ download }: ModelCard): string {
  const { bytes, fromCache, verified, notKept } = download;
  const facts = [fromCache ? "kept from an earlier visit" : megabytes(bytes)];
  if (verified) facts.push("checksum verified");
  if (notKept !== undefined) facts.push(`not kept: ${notKept}`);
  return facts.join("; ");
}

/** What becomes of pictures. */
export function privacyLine(card: ModelCard | undefined): string {
  if (card?.device !== "remote")
    return "Pictures stay on this device: they are decoded and looked at here, in this page.";
  const side = card.imageSize;
  return `Pictures are decoded here, in this page. The ${side} × ${side} pixels that the model sees of each go to this page's server, the file does not.`;
}

/** Where the model runs; follows the sentence on privacy. */
export function deviceLine({ device, adapter }: ModelCard): string {
  if (device === "remote") return "The model runs on the server.";
  if (device === "wasm") return "The model runs on the CPU.";
  if (adapter?.software) return `The model runs on ${adapter.name}, which computes on the CPU.`;
  return "The model runs on the graphics card.";
}

/** Why the model runs on the CPU although a GPU was requested, or was in use until now. */
export function fallbackLine(reason: string): string {
  const lost = / was lost \((.*?)\.?\)/.exec(reason);
  if (lost) return `The graphics card was lost (${lost[1]}). The model continues on the CPU.`;
  const why = reason.replace(/^device webgpu: /, "").replace(/[;,] use (--)?device \w+$/, "");
  return `The graphics card cannot be used: ${why}. The model runs on the CPU instead.`;
}

export function timingLine({ milliseconds, picture }: Classification): string {
  const { decode, model } = milliseconds;
  const whose = picture.decodedBy === "browser" ? " by the browser" : "";
  return `${Math.round(decode)} ms to decode${whose}, ${Math.round(model)} ms in the model`;
}
