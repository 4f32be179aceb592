// Web store: objects of a web server, by HTTP ranges.

import { displayUrl } from "../../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { type ByteRange, type ObjectVersion, type StoreSettings, TRANSFER_LIMITS } from "./contract.js";
import {
  type AnswerHead,
  changed,
  checkRangeHead,
  type ObjectStore,
  statusError,
  tooLarge,
  versionOf,
  wrongRange,
} from "./object-store.js";
import { parseRemote } from "./remote-url.js";
import { isTransientStatus, RETRY_POLICY, retried, retryAfterMs, TransientFault } from "./retry.js";
import { OversizedAnswer, type TransferAnswer, transfer } from "./transfer.js";

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MOST_REDIRECTS = 5;
/** Answers to HEAD of servers that do not know it, or whose presigned URLs are for GET only. */
const NO_HEAD: ReadonlySet<number> = new Set([403, 405, 501]);

function badRedirect(url: string, what: string): VitrineError {
  return new VitrineError("network/http", `${displayUrl(url)}: ${what}`);
}

/** Where a redirect leads. From https it never leads to http, and a password does not follow to another host. */
function nextUrl(url: string, at: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, at.href))
    throw badRedirect(url, "a redirect without a valid address");
  const next = new URL(location, at.href);
  const isAllowed = next.protocol === "https:" || (next.protocol === "http:" && at.protocol === "http:");
  if (!isAllowed) throw badRedirect(url, `a redirect from ${at.protocol} to ${quote(next.protocol)}`);
  if (next.origin === at.origin) {
    next.username = at.username;
    next.password = at.password;
  }
  return next;
}

function headOf({ status, headers }: TransferAnswer): AnswerHead {
  return {
    status,
    etag: headers.etag,
    lastModified: headers["last-modified"],
    contentRange: headers["content-range"],
  };
}

/** Compressed bytes are no range of the object. */
function requireIdentity(url: string, { headers }: TransferAnswer): void {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity")
    throw wrongRange(url, `the answer is compressed (${quote(encoding)})`);
}

interface Ask {
  method: "GET" | "HEAD";
  headers?: Readonly<Record<string, string>>;
  most: number;
  signal?: AbortSignal | undefined;
}

export function createWebStore({
  retry = RETRY_POLICY,
  limits = TRANSFER_LIMITS,
}: StoreSettings = {}): ObjectStore {
  /** One try, redirects followed. The status is below 400, or 412 or 416. */
  async function ask(url: string, { method, headers = {}, most, signal }: Ask): Promise<TransferAnswer> {
    const location = parseRemote(url);
    if (!("url" in location)) throw new VitrineError("internal/unexpected", "no URL of a web server");
    let at = location.url;
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const sent = { "user-agent": "vitrine", "accept-encoding": "identity", ...headers };
      const answer = await transfer({ method, url: at, headers: sent, most, limits, signal });
      const { status } = answer;
      if (REDIRECTS.has(status)) {
        at = nextUrl(url, at, answer.headers.location);
        continue;
      }
      if (isTransientStatus(status))
        throw new TransientFault(`HTTP ${status}`, {
          status,
          waitMs: retryAfterMs(answer.headers["retry-after"]),
        });
      if (status >= 200 && status < 300) return answer;
      if (status === 412 || status === 416) return answer;
      throw statusError(url, status);
    }
    throw badRedirect(url, `more than ${MOST_REDIRECTS} redirects`);
  }

  /** Some servers answer no HEAD: the first byte tells as much. */
  async function askHead(url: string, signal: AbortSignal | undefined): Promise<TransferAnswer> {
    try {
      return await ask(url, { method: "HEAD", most: 0, signal });
    } catch (error) {
      if (!(error instanceof VitrineError) || !NO_HEAD.has(error.details.status as number)) throw error;
      const answer = await ask(url, {
        method: "GET",
        headers: { range: "bytes=0-0" },
        most: 1,
        signal,
      }).catch((cause) => {
        if (cause instanceof OversizedAnswer) throw wrongRange(url, "it sends the whole file");
        throw cause;
      });
      return answer;
    }
  }

  const readOnce = async (
    url: string,
    range: ByteRange,
    version: ObjectVersion,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> => {
    const { offset, length } = range;
    // A weak ETag never matches here; it is compared in the answer.
    const isStrong = version.etag?.startsWith('"');
    const headers = {
      range: `bytes=${offset}-${offset + length - 1}`,
      ...(isStrong && { "if-match": version.etag as string }),
    };
    let answer: TransferAnswer;
    try {
      answer = await ask(url, { method: "GET", headers, most: length, signal });
    } catch (error) {
      if (error instanceof OversizedAnswer)
        throw wrongRange(url, `asked for ${length.toLocaleString("en-US")} bytes, it sends ${error.message}`);
      throw error;
    }
    if (answer.status === 412) throw changed(url, "its ETag is another one");
    if (answer.status === 416) throw changed(url, "it ends before the bytes that are needed");
    requireIdentity(url, answer);
    checkRangeHead(url, range, version, headOf(answer));
    const missing = length - answer.body.length;
    if (missing > 0) throw new TransientFault(`the answer ended ${missing} bytes early`);
    return answer.body;
  };

  return {
    version: (url, signal) =>
      retried(url, retry, signal, async () => {
        const answer = await askHead(url, signal);
        requireIdentity(url, answer);
        const { headers, status } = answer;
        const length =
          status === 206 || status === 416
            ? /\/(\d+)$/.exec(headers["content-range"] ?? "")?.[1]
            : headers["content-length"];
        if (length === undefined) throw wrongRange(url, "it does not state the file's length");
        return versionOf(headOf(answer), Number(length));
      }),
    // biome-ignore lint/correctness/useYield: there is nothing to list.
    async *list(prefix) {
      throw new VitrineError(
        "usage/data-url",
        `${displayUrl(prefix)}: a web server does not list its files: give the URL of a list or an index, or of shards ` +
          "as https://HOST/PATH/shard-{000..099}.tar",
      );
    },
    read: (url, range, version, signal) =>
      retried(url, retry, signal, () => readOnce(url, range, version, signal)),
    readWhole: (url, most, signal) =>
      retried(url, retry, signal, async () => {
        try {
          const answer = await ask(url, { method: "GET", most, signal });
          requireIdentity(url, answer);
          if (answer.status !== 200) throw statusError(url, answer.status);
          return { bytes: answer.body, version: versionOf(headOf(answer), answer.body.length) };
        } catch (error) {
          if (error instanceof OversizedAnswer) throw tooLarge(url, error.message, most);
          throw error;
        }
      }),
  };
}
