// Hub settings: where the Hub is, what may be asked of it, and where files are kept, from the environment variables that
// huggingface_hub reads.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { isToken } from "../../../proto/bearer-token.js";
import { quote, VitrineError } from "../../../runtime/errors.js";

export interface HubSettings {
  /** Without a slash at the end: https://huggingface.co. */
  endpoint: string;
  /** Sent to the endpoint only, never to where it redirects. */
  token?: string;
  /** Folder with a folder models--OWNER--NAME for each repository. */
  cacheFolder: string;
  /** Whether only the cache is used. */
  offline: boolean;
  /** Milliseconds that an answer to a question about a file may take. */
  answerTimeoutMs: number;
  /** Milliseconds without a byte after which a download counts as stalled. */
  downloadTimeoutMs: number;
  /** Waits before the second and each later try of a request, in milliseconds. */
  retryWaitsMs: readonly number[];
}

const ENDPOINT = "https://huggingface.co";
/** huggingface_hub's defaults. */
const TIMEOUT_SECONDS = 10;
const LONGEST_TIMEOUT_SECONDS = 3600;
/** 15 s in all. */
const RETRY_WAITS_MS = [500, 1_500, 4_000, 9_000];

type Environment = Readonly<Record<string, string | undefined>>;

function refuse(name: string, value: string, allowed: string): VitrineError {
  const text = `environment variable ${name} is "${quote(value)}"; allowed: ${allowed}`;
  return new VitrineError("hub/settings", text, { details: { variable: name } });
}

function endpointOf({ HF_ENDPOINT: value }: Environment): string {
  if (!value) return ENDPOINT;
  const url = URL.canParse(value) ? new URL(value) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash)
    throw refuse("HF_ENDPOINT", value, "an http or https address such as https://huggingface.co");
  return url.href.replace(/\/+$/, "");
}

function tokenOf(environment: Environment): string | undefined {
  const token = (environment.HF_TOKEN ?? environment.HUGGING_FACE_HUB_TOKEN)?.trim();
  if (!token) return undefined;
  // A token itself is never shown.
  if (!isToken(token)) throw refuse("HF_TOKEN", "…", "a token of printable ASCII characters");
  return token;
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|on|yes|true)$/i.test(value);
}

function cacheOf(environment: Environment): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment;
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface");
  return resolve(
    (HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(home, "hub")).replace(/^~(?=\/|$)/, homedir()),
  );
}

function timeoutOf(environment: Environment, name: string): number {
  const value = environment[name];
  if (!value) return 1000 * TIMEOUT_SECONDS;
  const seconds = Number(value);
  if (!(seconds > 0 && seconds <= LONGEST_TIMEOUT_SECONDS))
    throw refuse(name, value, `seconds above 0, at most ${LONGEST_TIMEOUT_SECONDS}`);
  return 1000 * seconds;
}

/** Throws `hub/settings`. */
export function hubSettings(environment: Environment = process.env): HubSettings {
  const token = tokenOf(environment);
  return {
    endpoint: endpointOf(environment),
    ...(token !== undefined && { token }),
    cacheFolder: cacheOf(environment),
    offline: isTrue(environment.HF_HUB_OFFLINE) || isTrue(environment.TRANSFORMERS_OFFLINE),
    answerTimeoutMs: timeoutOf(environment, "HF_HUB_ETAG_TIMEOUT"),
    downloadTimeoutMs: timeoutOf(environment, "HF_HUB_DOWNLOAD_TIMEOUT"),
    retryWaitsMs: RETRY_WAITS_MS,
  };
}
