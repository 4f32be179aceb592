// Model request: what the page asks its worker to load, from what `createClassifier` was given, as plain values.

import { quote, VitrineError } from "../../runtime/errors.js";
import { CONFIG_FILE, PREPROCESSOR_FILE, WEIGHTS_FILE } from "../../runtime/host/host.js";
import type { ClassifierOptions, JsonFile, ModelBytes, WeightsDtype } from "./contract.js";

export type ModelAddress =
  /** A folder, or a file of weights. */
  | { kind: "url"; url: string }
  /** A model of the Hub, as the user wrote it. */
  | { kind: "hub"; reference: string; endpoint: string }
  | { kind: "bytes"; files: ReadonlyMap<string, Uint8Array<ArrayBuffer>> };

export interface ModelRequest {
  address: ModelAddress;
  dtype: WeightsDtype;
  cache: boolean;
  /** Of the weights, in hexadecimal digits, where the page knows it. */
  sha256?: string;
}

const HUB = "https://huggingface.co";
const HUB_MODEL = /^(hf|timm):/;
const DTYPES: readonly WeightsDtype[] = ["auto", "float32", "float16", "int8"];

function refuse(text: string): VitrineError {
  return new VitrineError("usage/bad-option", text);
}

/** A URL resolved against the page: workers have another base. Throws `usage/bad-option`. */
export function absolute(url: URL | string, option: string): string {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location.href).href;
  } catch (cause) {
    const text = `${option} is "${quote(String(url))}", which is no URL`;
    throw new VitrineError("usage/bad-option", text, { cause });
  }
}

async function bytesOf(
  file: Blob | ArrayBuffer | Uint8Array,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (file instanceof ArrayBuffer) return new Uint8Array(file);
  if (file instanceof Uint8Array) return file as Uint8Array<ArrayBuffer>;
  if (file instanceof Blob) return new Uint8Array(await file.arrayBuffer());
  throw refuse(`model.${what} is no ArrayBuffer, Uint8Array, Blob or File`);
}

const isBytes = (file: unknown): file is Blob | ArrayBuffer | Uint8Array =>
  file instanceof ArrayBuffer || file instanceof Uint8Array || file instanceof Blob;

async function jsonOf(file: JsonFile, what: string): Promise<Record<string, unknown>> {
  let value: unknown = file;
  if (typeof file === "string" || isBytes(file)) {
    const text = typeof file === "string" ? file : new TextDecoder().decode(await bytesOf(file, what));
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new VitrineError("model/config", `model.${what}: not a JSON object`, { cause });
    }
  }
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw refuse(`model.${what} is neither a JSON object nor its text`);
}

/** The files of a model folder. */
async function filesOf({ weights, config, preprocessor, labels }: ModelBytes) {
  const files = new Map([[WEIGHTS_FILE, await bytesOf(weights as Blob, "weights")]]);
  const put = (name: string, value: object) =>
    files.set(name, new TextEncoder().encode(JSON.stringify(value)));
  const named = labels && { id2label: Object.fromEntries(labels.entries()) };
  if (config !== undefined) put(CONFIG_FILE, { ...(await jsonOf(config, "config")), ...named });
  else if (named) throw refuse("model.labels are given without model.config, whose classes they name");
  if (preprocessor !== undefined) put(PREPROCESSOR_FILE, await jsonOf(preprocessor, "preprocessor"));
  return files;
}

async function addressOf(model: ClassifierOptions["model"], hub: URL | string): Promise<ModelAddress> {
  if (typeof model === "string" && HUB_MODEL.test(model))
    return { kind: "hub", reference: model, endpoint: absolute(hub, "hub").replace(/\/+$/, "") };
  if (typeof model === "string" || model instanceof URL)
    return { kind: "url", url: absolute(model, "model") };
  if (typeof model === "object" && model !== null && "weights" in model)
    return { kind: "bytes", files: await filesOf(model) };
  throw refuse(
    "model is none of: the URL of a model folder or of a .safetensors file, hf:OWNER/NAME, { weights, config }",
  );
}

/** Throws `usage/bad-option`, and `model/config` for text that is no JSON. */
export async function modelRequest({
  model,
  dtype = "auto",
  cache = true,
  sha256,
  hub = HUB,
}: ClassifierOptions): Promise<ModelRequest> {
  if (!DTYPES.includes(dtype))
    throw refuse(`dtype is "${quote(String(dtype))}"; allowed: ${DTYPES.join(", ")}`);
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256))
    throw refuse(`sha256 is "${quote(String(sha256))}"; allowed: 64 hexadecimal digits`);
  const sum = sha256?.toLowerCase();
  return { address: await addressOf(model, hub), dtype, cache, ...(sum !== undefined && { sha256: sum }) };
}
