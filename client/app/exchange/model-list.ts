// Model list: the models that the page's server offers, from its models.json, and those that a visitor names.

/** A model that can be loaded. */
export interface ModelChoice {
  name: string;
  /** Of its folder, relative to the page; or `hf:ORG/NAME` for one of the Hugging Face Hub. */
  url: string;
  /** Of its weights, as far as known. */
  bytes?: number;
  /** Of its weights' numbers, such as `float32`. */
  dtype?: string;
  /** Of its weights, in hexadecimal digits. */
  sha256?: string;
  /** The formats that the server has its weights in, where there are several. */
  formats?: readonly { dtype: string; bytes: number }[];
}

/** What a page may compute with. */
export interface ModelOffer {
  /** Models to download. */
  models: readonly ModelChoice[];
  /** The page's own server computes, too; `token`: whether it asks for one. */
  server?: { token: boolean };
}

function isListed(value: unknown): value is ModelChoice {
  const model = value as Partial<ModelChoice> | null;
  return typeof model?.name === "string" && typeof model.url === "string";
}

/** Throws where the server answers with something else. */
export async function fetchModelOffer(signal: AbortSignal): Promise<ModelOffer> {
  const response = await fetch("./models.json", { signal });
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  const type = response.headers.get("Content-Type") ?? "nothing";
  const text = await response.text();
  try {
    const offer = JSON.parse(text) as { models?: unknown; server?: { token?: unknown } };
    const models = ((offer.models ?? []) as unknown[]).filter(isListed);
    const server = offer.server && { token: offer.server.token === true };
    if (models.length > 0 || server) return { models, ...(server && { server }) };
  } catch {
    throw new Error(`${response.url} is no list of models: it has the type ${type}`);
  }
  throw new Error(`${response.url} lists no model`);
}

/** A model by what a visitor enters: `hf:ORG/NAME`, `ORG/NAME`, or an address. Undefined for anything else. */
export function enteredModel(text: string): ModelChoice | undefined {
  const entered = text.trim();
  if (/^https?:\/\/\S+$/.test(entered)) return { name: entered, url: entered };
  const hub = /^(?:hf:)?([\w.-]+\/[\w.-]+(?:@[\w.-]+)?)$/.exec(entered)?.[1];
  return hub === undefined ? undefined : { name: hub, url: `hf:${hub}` };
}

/** Address of the page that describes a model of the Hub; undefined for others. */
export function cardAddress({ url }: ModelChoice): string | undefined {
  const hub = /^hf:([^@]+)/.exec(url)?.[1];
  return hub === undefined ? undefined : `https://huggingface.co/${hub}`;
}
