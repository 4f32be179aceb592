// Hub HTTP: requests to the Hub with a limit on every wait, size and number of redirects, and errors that say what to do.

import { quote, VitrineError } from "../../../runtime/errors.js";
import type { HubSettings } from "./settings.js";

/** What a request is about, for messages. */
export interface Subject {
  /** hf:OWNER/NAME. */
  reference: string;
  /** A file of the repository; absent for the repository itself. */
  file?: string;
}

/** The address of anything else than the endpoint gets no token. */
const REDIRECT_LIMIT = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** A network failure or a server's temporary one: another try may succeed. */
export class TransientFailure extends Error {
  /** Milliseconds that the server asks to wait. */
  readonly waitMs: number;

  constructor(message: string, waitMs = 0, cause?: unknown) {
    super(message, { cause });
    this.name = "TransientFailure";
    this.waitMs = waitMs;
  }
}

const LONGEST_WAIT_MS = 60_000;

function nameOf({ reference, file }: Subject): string {
  return file === undefined ? quote(reference) : `${quote(reference)}: ${quote(file)}`;
}

const LOCAL =
  "give the path of a model folder that is already here, or set HF_HUB_OFFLINE=1 to use the cache alone";

/** The error for a Hub that does not answer, however often it was asked. */
export function unreachable(subject: Subject, settings: HubSettings, reason: string): VitrineError {
  const text =
    `${nameOf(subject)}: ${settings.endpoint} cannot be reached (${quote(reason)}): check the network and HF_ENDPOINT; ` +
    `without a network, ${LOCAL}`;
  return new VitrineError("hub/unreachable", text, { details: { endpoint: settings.endpoint } });
}

/** The error for an answer that no Hub gives. */
export function unexpected(subject: Subject, settings: HubSettings, what: string): VitrineError {
  const text = `${nameOf(subject)}: unexpected answer from ${settings.endpoint}: ${what} (is HF_ENDPOINT a Hub?)`;
  return new VitrineError("hub/answer", text, { details: { endpoint: settings.endpoint } });
}

function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : String(error));
}

/** The status of an answer as an error; undefined for a good one. */
function failureOf(
  response: Response,
  subject: Subject,
  settings: HubSettings,
): VitrineError | TransientFailure | undefined {
  const { status, headers } = response;
  if (status < 400 || status === 416) return undefined;
  const details = { status };
  const hubCode = headers.get("x-error-code") ?? "";
  const name = nameOf(subject);
  if (status === 401 || status === 403 || hubCode === "GatedRepo") {
    const what =
      hubCode === "GatedRepo"
        ? "is gated: accept its terms on its page, and set HF_TOKEN to a token of that account"
        : settings.token === undefined
          ? "does not exist, or is private: for a private one, set HF_TOKEN to a token that may read it"
          : "does not exist, or HF_TOKEN may not read it";
    return new VitrineError("hub/unauthorized", `${name} ${what} (HTTP ${status})`, { details });
  }
  if (status === 404 || status === 410) {
    const what =
      hubCode === "RevisionNotFound" ? "there is no such revision" : "there is no such repository or file";
    return new VitrineError("hub/not-found", `${name}: ${what} at ${settings.endpoint} (HTTP ${status})`, {
      details,
    });
  }
  if (status === 429 || status >= 500) {
    const seconds = Number(headers.get("retry-after"));
    const waitMs = seconds > 0 ? Math.min(LONGEST_WAIT_MS, 1000 * seconds) : 0;
    return new TransientFailure(`HTTP ${status}`, waitMs);
  }
  return unexpected(subject, settings, `HTTP ${status}`);
}

/** An answer whose body can still be read, with the controller that ends the connection. */
export interface HubAnswer {
  response: Response;
  abort(): void;
}

export interface RequestOptions {
  method?: "GET" | "HEAD";
  headers?: Readonly<Record<string, string>>;
  /** Whether redirects to other hosts are followed. A file's own facts are in the answer that redirects. Default true. */
  followOthers?: boolean;
}

/**
 * Sends a request and follows redirects. The answer is below 400, or 416. Throws `TransientFailure`, and `hub/…` for
 * what another try cannot change.
 */
export async function request(
  url: string,
  subject: Subject,
  settings: HubSettings,
  { method = "GET", headers = {}, followOthers = true }: RequestOptions = {},
): Promise<HubAnswer> {
  const { origin } = new URL(settings.endpoint);
  let at = new URL(url);
  for (let redirects = 0; redirects <= REDIRECT_LIMIT; redirects++) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), settings.answerTimeoutMs);
    const authorization: Record<string, string> =
      settings.token !== undefined && at.origin === origin
        ? { authorization: `Bearer ${settings.token}` }
        : {};
    let response: Response;
    try {
      response = await fetch(at, {
        method,
        redirect: "manual",
        signal: controller.signal,
        // Sizes and ranges are those of the file itself.
        headers: { "user-agent": "vitrine", "accept-encoding": "identity", ...headers, ...authorization },
      });
    } catch (error) {
      const reason = controller.signal.aborted
        ? `no answer within ${settings.answerTimeoutMs / 1000} s`
        : reasonOf(error);
      throw new TransientFailure(`${at.host}: ${reason}`, 0, error);
    } finally {
      clearTimeout(timer);
    }
    const abort = () => controller.abort();
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
    const failure = failureOf(response, subject, settings);
    if (failure) {
      abort();
      throw failure;
    }
    if (location === null) return { response, abort };
    const next = URL.canParse(location, at) ? new URL(location, at) : null;
    if (!next || !/^https?:$/.test(next.protocol)) {
      abort();
      throw unexpected(subject, settings, `a redirect to "${quote(location)}"`);
    }
    if (next.origin !== at.origin && !followOthers) return { response, abort };
    abort();
    at = next;
  }
  throw unexpected(subject, settings, `more than ${REDIRECT_LIMIT} redirects`);
}

/**
 * The bytes of an answer, piece by piece; ends the connection when the caller stops. Throws `TransientFailure` where
 * nothing comes for `downloadTimeoutMs`, or less than `SLOWEST` bytes in a minute.
 */
export async function* pieces(
  { response, abort }: HubAnswer,
  { downloadTimeoutMs }: HubSettings,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  let windowStart = performance.now();
  let windowBytes = 0;
  try {
    while (true) {
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<never>((_, reject) => {
        const stalled = () => reject(new TransientFailure(`no data for ${downloadTimeoutMs / 1000} s`));
        timer = setTimeout(stalled, downloadTimeoutMs);
      });
      const { done, value } = await Promise.race([reader.read(), timeout])
        .catch((error: unknown) => {
          throw error instanceof TransientFailure ? error : new TransientFailure(reasonOf(error), 0, error);
        })
        .finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
      windowBytes += value.length;
      const elapsed = performance.now() - windowStart;
      if (elapsed < SLOWEST_WINDOW_MS) continue;
      if (windowBytes < SLOWEST_BYTES) throw new TransientFailure(`only ${windowBytes} bytes in a minute`);
      [windowStart, windowBytes] = [performance.now(), 0];
    }
  } finally {
    abort();
  }
}

/** A server that sends less than this in a minute would take a day for the smallest DeiT. */
const SLOWEST_BYTES = 16_384;
const SLOWEST_WINDOW_MS = 60_000;

/** The list of a repository's files is the largest such answer. */
const TEXT_LIMIT = 16 * 2 ** 20;

/** The whole body of a small answer. Throws `hub/answer` above 16 MiB, and `TransientFailure`. */
export async function bodyOf(
  answer: HubAnswer,
  subject: Subject,
  settings: HubSettings,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces(answer, settings)) {
    length += piece.length;
    if (length > TEXT_LIMIT) throw unexpected(subject, settings, `more than ${TEXT_LIMIT} bytes of text`);
    parts.push(piece);
  }
  return Buffer.concat(parts);
}
