// Browser HTTP: one request of a page, with a limit on every wait, and what its answer says about a file.

import { quote, VitrineError } from "../errors.js";

/** A failure that may pass: nothing answers, the connection was cut, the server is busy. */
export class Interrupted extends Error {}

/** Milliseconds until an answer begins, and between two pieces of it. */
const SILENCE_MS = 30_000;

export interface RequestOptions {
  method?: "GET" | "HEAD";
  headers?: Readonly<Record<string, string>>;
  cache?: "default" | "no-cache" | "no-store";
  signal?: AbortSignal | undefined;
}

export interface Answer {
  response: Response;
  /** The body, piece by piece. Throws `Interrupted` where the connection is cut or silent, and the signal's reason. */
  pieces(): AsyncGenerator<Uint8Array>;
  /** Ends the connection. */
  end(): void;
}

/** Throws `Interrupted` where nothing answers, and the signal's reason. */
export async function request(
  url: string,
  { method = "GET", headers = {}, cache = "default", signal }: RequestOptions,
): Promise<Answer> {
  const controller = new AbortController();
  const end = () => controller.abort();
  const failure = (error: unknown) => {
    if (signal?.aborted) return signal.reason;
    const silent = controller.signal.aborted ? controller.signal.reason : undefined;
    return silent instanceof Interrupted ? silent : new Interrupted((error as Error).message);
  };
  /** What `step` resolves to, within the limit. */
  const timely = async <T>(step: Promise<T>): Promise<T> => {
    const silence = new Interrupted(`nothing came for ${SILENCE_MS / 1000} s`);
    const timer = setTimeout(() => controller.abort(silence), SILENCE_MS);
    try {
      return await step;
    } catch (error) {
      throw failure(error);
    } finally {
      clearTimeout(timer);
    }
  };
  signal?.throwIfAborted();
  signal?.addEventListener("abort", end, { once: true });
  const response = await timely(fetch(url, { method, headers, cache, signal: controller.signal }));
  return {
    response,
    async *pieces() {
      // Not `for await`: Safari's streams are not iterable.
      const reader = response.body?.getReader();
      try {
        while (reader) {
          const { value } = await timely(reader.read());
          if (value === undefined) return;
          yield value;
        }
      } finally {
        signal?.removeEventListener("abort", end);
      }
    },
    end() {
      signal?.removeEventListener("abort", end);
      end();
    },
  };
}

/** What tells one version of a file from another. */
export interface FileVersion {
  etag?: string;
  lastModified?: string;
}

export function versionOf({ headers }: Response): FileVersion {
  const [etag, lastModified] = [headers.get("etag"), headers.get("last-modified")];
  return { ...(etag !== null && { etag }), ...(lastModified !== null && { lastModified }) };
}

export function hasVersion({ etag, lastModified }: FileVersion): boolean {
  return etag !== undefined || lastModified !== undefined;
}

/** Whether both are known to be the same; false where a server says nothing about versions. */
export function isSameVersion(one: FileVersion, other: FileVersion): boolean {
  if (one.etag !== undefined || other.etag !== undefined) return one.etag === other.etag;
  return one.lastModified !== undefined && one.lastModified === other.lastModified;
}

/** Bytes of the body; undefined where the server does not say, or counts compressed ones. */
export function bodyLength({ headers }: Response): number | undefined {
  const length = headers.has("content-encoding") ? null : headers.get("content-length");
  return length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** The answer in words: `the server answered 404 (text/html)`. */
export function answerText({ status, headers }: Response): string {
  return `the server answered ${status} (${quote(headers.get("content-type") ?? "no content type")})`;
}

/** Servers of single-page applications answer with their page for files that do not exist. */
export function isPage({ headers }: Response): boolean {
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get("content-type") ?? "");
}

/** Statuses that may pass. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/** Throws `Interrupted` for a status that may pass, and `network/http` for every other refusal. */
export function expectSuccess(url: string, response: Response): void {
  if (response.ok) return;
  if (PASSING.includes(response.status)) throw new Interrupted(answerText(response));
  const details = { url, status: response.status };
  throw new VitrineError("network/http", `${url}: ${answerText(response)}`, { details });
}
