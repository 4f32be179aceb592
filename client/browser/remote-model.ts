// Remote model: a model stage whose model is on an inference server (docs/serving-http.md). Pictures are decoded in the
// page; the server gets the pixels of the model's input, never the file.

import { ERROR_CODES, type ErrorCode, quote, VitrineError } from "../../runtime/errors.js";
import type { CropMode, FilterName, InputTransform } from "../../runtime/image/input-transform.js";
import type { Answer } from "../../runtime/inference/answer.js";
import { meanColor } from "../../runtime/models/config.js";
import type { ModelCard, RemoteOptions } from "./contract.js";
import type { ComputeTask, LoadedModel } from "./messages.js";
import { absolute } from "./model-request.js";
import type { ModelStage } from "./model-stage.js";
import type { Outcome } from "./task-queue.js";

/** The server gives up an inference after 60 s, and says so. */
const DEADLINE_MS = 70_000;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

interface Metadata {
  properties?: Partial<Record<string, string>>;
}

interface InferResponse {
  outputs?: { name: string; shape: number[]; data: number[] }[];
}

type Bytes = Uint8Array<ArrayBuffer>;

function unexpected(url: string, what: string): VitrineError {
  const text = `${url}: the answer ${what}; is it the HTTP port of "vitrine serve"?`;
  return new VitrineError("protocol/answer", text, { details: { url } });
}

/** `{"error": "code: text"}` → the server's own error. */
function serverError(url: string, status: number, body: string): VitrineError {
  const error = /^\{"error":"((?:[^"\\]|\\.)*)"\}$/.exec(body.trim())?.[0];
  const text = error === undefined ? "" : (JSON.parse(error) as { error: string }).error;
  const [, code = "", message = ""] = /^([a-z]+\/[\w-]+): ([\s\S]*)$/.exec(text) ?? [];
  const details = { url, status };
  if (Object.hasOwn(ERROR_CODES, code))
    return new VitrineError(code as ErrorCode, `${url}: ${quote(message)}`, { details });
  return new VitrineError("network/http", `${url}: the server answered ${status}`, { details });
}

export class RemoteModel implements ModelStage {
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #ending = new AbortController();
  #loaded!: LoadedModel;
  #path = "";
  #outputs: readonly string[] = [];

  private constructor(base: string, token: string | undefined) {
    this.#base = base;
    this.#token = token;
  }

  /**
   * Asks the server about the model, by default its first one that is ready. Throws `network/unreachable`, the server's
   * errors, `protocol/answer` where it is another kind of server, `usage/tls` for a token without TLS, and the signal's
   * reason.
   */
  static async open(options: RemoteOptions, signal: AbortSignal | undefined): Promise<RemoteModel> {
    const { url, model, token } = options;
    const base = absolute(url, "remote.url").replace(/\/*$/, "/");
    const { protocol, hostname } = new URL(base);
    if (token !== undefined && protocol === "http:" && !LOOPBACK.test(hostname))
      throw new VitrineError("usage/tls", `remote.token would be sent to ${base} unencrypted; use https`);
    const remote = new RemoteModel(base, token);
    const name = model ?? (await remote.#firstModel(signal));
    await remote.#describe(name, signal);
    return remote;
  }

  get loaded(): LoadedModel {
    return this.#loaded;
  }

  get card(): ModelCard {
    return this.#loaded.card;
  }

  async compute({ pixels, extra }: ComputeTask, signal: AbortSignal | undefined): Promise<Outcome<Answer>> {
    const start = performance.now();
    const { imageSize } = this.card;
    const names = ["logits", "class_logits", "distillation_logits"].filter((name) =>
      this.#outputs.includes(name),
    );
    if (extra.embeddings) names.push("embeddings");
    if (extra.attention) names.push("attention");
    const tensor = { name: "pixels", datatype: "UINT8", shape: [1, imageSize, imageSize, 3] };
    const inputs = [{ ...tensor, parameters: { binary_data_size: pixels.length } }];
    const header = new TextEncoder().encode(
      JSON.stringify({ inputs, outputs: names.map((name) => ({ name })) }),
    );
    const body = new Uint8Array(header.length + pixels.length);
    body.set(header);
    body.set(pixels, header.length);
    const headers = { "Inference-Header-Content-Length": String(header.length) };
    const response = await this.#call<InferResponse>(`${this.#path}/infer`, { body, headers }, signal);
    return { result: this.#answerOf(response, names), waited: 0, ran: performance.now() - start };
  }

  end(error: VitrineError): void {
    this.#ending.abort(error);
  }

  async #firstModel(signal: AbortSignal | undefined): Promise<string> {
    const path = "v2/repository/index";
    const body = new TextEncoder().encode('{"ready":true}');
    const headers = { "Content-Type": "application/json" };
    const index = await this.#call<{ name: string }[]>(path, { body, headers }, signal);
    const name = Array.isArray(index) ? index[0]?.name : undefined;
    if (typeof name === "string") return name;
    throw new VitrineError("network/model-not-ready", `${this.#base}: the server has no model that is ready`);
  }

  async #describe(name: string, signal: AbortSignal | undefined): Promise<void> {
    const path = `v2/models/${encodeURIComponent(name)}`;
    const { properties = {} } = await this.#call<Metadata>(path, {}, signal);
    const url = this.#base + path;
    const json = (key: string): unknown => JSON.parse(properties[key] ?? "null");
    const [size, cropRatio] = [Number(properties.image_size), Number(properties.crop_ratio)];
    const [labels, outputs, mean] = [json("labels"), json("outputs"), json("mean")];
    if (
      !(
        size > 0 &&
        cropRatio > 0 &&
        isList(labels, "string") &&
        isList(outputs, "string") &&
        isList(mean, "number")
      )
    )
      throw unexpected(url, "does not describe a classifier");
    const fill = meanColor(mean as [number, number, number]);
    const transform: InputTransform = {
      size,
      cropRatio,
      filter: properties.interpolation as FilterName,
      cropMode: properties.crop_mode as CropMode,
      cropRounding: properties.crop_rounding === "down" ? "down" : "even",
      ...(properties.crop_mode === "border" && { borderColor: fill }),
    };
    const where = quote(properties.device ?? "an unknown device");
    const card: ModelCard = {
      name,
      imageSize: size,
      labels: labels as string[],
      parameters: Number(properties.parameters),
      dtype: "unknown",
      memoryBytes: 0,
      download: { bytes: 0, fromCache: false, verified: false },
      device: "remote",
      deviceDescription: `remote: ${this.#base}, which computes on ${where}`,
    };
    this.#path = `${path}${encodeURIComponent(":pixels")}`;
    this.#outputs = outputs as string[];
    this.#loaded = { card, transform, fill };
  }

  #answerOf({ outputs = [] }: InferResponse, names: readonly string[]): Answer {
    const url = this.#base + this.#path;
    const arrays = new Map(outputs.map(({ name, shape, data }) => [name, { shape, data }]));
    const floats = (name: string): Float32Array => {
      const { data } = arrays.get(name) ?? {};
      if (!isList(data, "number")) throw unexpected(url, `lacks the output ${name}`);
      return Float32Array.from(data as number[]);
    };
    const answer: Answer = { logits: floats("logits"), classLogits: floats("class_logits") };
    if (answer.logits.length !== this.card.labels.length)
      throw unexpected(url, `has ${answer.logits.length} logits for ${this.card.labels.length} classes`);
    if (names.includes("distillation_logits")) answer.distillationLogits = floats("distillation_logits");
    if (names.includes("embeddings")) answer.embeddings = floats("embeddings");
    if (names.includes("attention")) {
      const values = floats("attention");
      answer.attention = { grid: Math.sqrt(values.length), values };
    }
    return answer;
  }

  /** A POST where there is a body. */
  async #call<T>(
    path: string,
    { body, headers = {} }: { body?: Bytes; headers?: Record<string, string> },
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const url = this.#base + path;
    const control = new AbortController();
    const sources = [this.#ending.signal, ...(signal ? [signal] : [])];
    const stop = () => control.abort(sources.find(({ aborted }) => aborted)?.reason);
    const late = () =>
      control.abort(new VitrineError("network/deadline", `${url}: no answer within ${DEADLINE_MS / 1000} s`));
    for (const source of sources) source.addEventListener("abort", stop);
    const timer = setTimeout(late, DEADLINE_MS);
    try {
      if (sources.some(({ aborted }) => aborted)) stop();
      const response = await fetch(url, {
        ...(body && { method: "POST", body }),
        headers: { ...headers, ...(this.#token !== undefined && { Authorization: `Bearer ${this.#token}` }) },
        signal: control.signal,
      });
      const text = await response.text();
      if (!response.ok) throw serverError(url, response.status, text);
      return parse<T>(text, url);
    } catch (cause) {
      control.signal.throwIfAborted();
      if (cause instanceof VitrineError) throw cause;
      const text = `${url}: no answer, or the server does not allow this page (vitrine serve --cors-origin ${location.origin})`;
      throw new VitrineError("network/unreachable", text, { details: { url }, cause });
    } finally {
      clearTimeout(timer);
      for (const source of sources) source.removeEventListener("abort", stop);
    }
  }
}

function parse<T>(text: string, url: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw unexpected(url, "is no JSON");
  }
}

function isList(value: unknown, type: "string" | "number"): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === type);
}
