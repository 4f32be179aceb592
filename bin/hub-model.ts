// Hub model: what --model, --init and --teacher name, a path, a model of the Hub or one in a bucket, as files on this machine.

import { isAbsolute, relative } from "node:path";
import { type DownloadProgress, type FetchedModel, fetchHubModel } from "../client/node/hub/fetch-model.js";
import { displayUrl } from "../runtime/batches/data-path.js";
import { escapeControls, quote, VitrineError } from "../runtime/errors.js";
import type { ModelSource } from "../runtime/host/host.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { entryAt } from "../runtime/host/node-files.js";
import { isHubReference, parseHubReference, timmRepositories } from "../runtime/models/hub-reference.js";
import { isInBucket, nameInBucket } from "./bucket-copy.js";
import { bucketModelPath } from "./bucket-model.js";

/** The part of a stream that this needs. */
interface TextStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

const ERASE_LINE = "\r\u001b[2K";
/** Between two rewritings of a terminal's line, and between two lines of a log. */
const TERMINAL_MS = 200;
const LOG_MS = 10_000;
const LOG_FRACTION = 0.25;

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Shows downloads: a line that is rewritten on a terminal, a line at times in a log. */
export class DownloadDisplay {
  readonly #stream: TextStream;
  #file = "";
  #startMs = 0;
  #shownMs = 0;
  #shownFraction = 0;

  constructor(stream: TextStream = process.stderr) {
    this.#stream = stream;
  }

  notice = (text: string): void => void this.#stream.write(`${text}\n`);

  report = (progress: DownloadProgress): void => {
    const { file, loaded, total, resumed } = progress;
    const now = performance.now();
    if (file !== this.#file) {
      this.#file = file;
      [this.#startMs, this.#shownMs, this.#shownFraction] = [now, now - TERMINAL_MS, 0];
      if (resumed > 0 && resumed < total)
        this.notice(`${escapeControls(file)}: resumed at ${(resumed / 1e6).toFixed(1)} MB`);
    }
    const fraction = total === 0 ? 1 : loaded / total;
    const isLast = loaded === total;
    const due = this.#stream.isTTY
      ? now - this.#shownMs >= TERMINAL_MS
      : now - this.#shownMs >= LOG_MS || fraction - this.#shownFraction >= LOG_FRACTION;
    // Small files are not worth a line.
    if (total < 1e6 || (!isLast && !due)) return;
    [this.#shownMs, this.#shownFraction] = [now, fraction];
    const seconds = (now - this.#startMs) / 1000;
    const speed = seconds > 0 ? (loaded - resumed) / seconds : 0;
    const left = speed > 0 && !isLast ? `, ${duration((total - loaded) / speed)} left` : "";
    const line =
      `${escapeControls(file)}: ${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB ` +
      `(${Math.floor(100 * fraction)}%), ${(speed / 1e6).toFixed(1)} MB/s${left}`;
    if (!this.#stream.isTTY) this.#stream.write(`${line}\n`);
    else
      this.#stream.write(ERASE_LINE + line.slice(0, (this.#stream.columns || 80) - 1) + (isLast ? "\n" : ""));
  };

  /** Ends a line that an error interrupted. */
  end(): void {
    if (this.#stream.isTTY && this.#shownFraction > 0 && this.#shownFraction < 1) this.#stream.write("\n");
  }
}

async function fetched(text: string): Promise<FetchedModel> {
  const display = new DownloadDisplay();
  try {
    return await fetchHubModel(text, { onProgress: display.report, onNotice: display.notice });
  } finally {
    display.end();
  }
}

/** A model's files, and the path of its folder or file on this machine. */
export interface LocalModelSource extends ModelSource {
  readonly path: string;
}

const OWNER_AND_NAME = /^([A-Za-z0-9][\w.-]*)\/[A-Za-z0-9][\w.-]*$/;

/**
 * Refuses a published name, or OWNER/NAME, where nothing on this machine has that path: what is meant is a model of the
 * Hub, and the error says how that is written. Throws `file/not-found`.
 */
export function refuseBareHubName(path: string): void {
  // A trainer's paths are absolute before they are looked at.
  const text = isAbsolute(path) ? relative(".", path) : path;
  const isPublished = timmRepositories().has(text);
  const owner = OWNER_AND_NAME.exec(text)?.[1];
  if (!isPublished && (owner === undefined || entryAt(owner))) return;
  if (entryAt(text)) return;
  const reference = `${isPublished ? "timm" : "hf"}:${quote(text)}`;
  const message = `${quote(text)}: no such file or folder; a model of the Hugging Face Hub is named ${reference}`;
  throw new VitrineError("file/not-found", message, { details: { path: text } });
}

/** The model that `text` names, downloaded if it is one of the Hub. Throws `hub/…` and what `nodeModelSource` throws. */
export async function openModelSource(text: string): Promise<LocalModelSource> {
  if (isInBucket(text)) {
    const path = await bucketModelPath(text);
    return { ...nodeModelSource(path), name: nameInBucket(text), location: displayUrl(text), path };
  }
  if (!isHubReference(text)) {
    refuseBareHubName(text);
    return { ...nodeModelSource(text), path: text };
  }
  const { folder, reference } = await fetched(text);
  return { ...nodeModelSource(folder), name: reference.name, location: text, path: folder };
}

/** The path of the model that `text` names; one of the Hub's is that commit's folder in the cache, one in a bucket a copy. */
export async function localModelPath(text: string): Promise<string> {
  if (isInBucket(text)) return bucketModelPath(text);
  return isHubReference(text) ? (await fetched(text)).folder : text;
}

/** NAME=PATH → both; a PATH that has a "=" itself is one if something is there. */
function split(text: string): { name?: string; path: string } {
  const at = text.indexOf("=");
  if (at < 1 || text.slice(0, at).includes("/") || entryAt(text)) return { path: text };
  return { name: text.slice(0, at), path: text.slice(at + 1) };
}

function nameOf(path: string): string {
  if (isHubReference(path)) return parseHubReference(path).name;
  if (isInBucket(path)) return nameInBucket(path);
  refuseBareHubName(path);
  return nodeModelSource(path).name;
}

export interface NamedModel {
  name: string;
  /** Path, or reference to the Hub. */
  path: string;
}

/**
 * `name`: that of the only model, where it was given apart. `checkName` returns the name or throws. Throws
 * `usage/models` for equal names and for a name that is for several.
 */
export function namedModels(
  models: readonly string[],
  name: string | undefined,
  checkName: (name: string) => string,
): NamedModel[] {
  if (name !== undefined && models.length !== 1)
    throw new VitrineError(
      "usage/models",
      "--name is for one --model; name each of several by --model NAME=PATH",
    );
  const named = models.map((text) => {
    const { path, ...given } = split(text);
    return { path, name: checkName(name ?? given.name ?? nameOf(path)) };
  });
  const paths = new Map<string, string>();
  for (const { name, path } of named) {
    const other = paths.get(name);
    if (other !== undefined) {
      const text = `--model: ${quote(other)} and ${quote(path)} are both named "${name}"; name one by NAME=PATH`;
      throw new VitrineError("usage/models", text, { details: { name } });
    }
    paths.set(name, path);
  }
  return named;
}
