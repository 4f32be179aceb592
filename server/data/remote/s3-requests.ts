// S3 requests: commands of the AWS SDK to the bucket of a URL, each with a limit on its waits. The SDK's retries are off, and
// its errors become ours.

import type { S3Client } from "@aws-sdk/client-s3";
import { displayUrl } from "../../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import { type StoreSettings, TRANSFER_LIMITS } from "./contract.js";
import { changed, statusError } from "./object-store.js";
import { type BucketLocation, parseRemote } from "./remote-url.js";
import { isTransientStatus, retryAfterMs, TransientFault } from "./retry.js";
import { createClient, loadSdk, type Sdk } from "./s3-client.js";
import { OversizedAnswer } from "./transfer.js";

interface SdkError extends Error {
  $metadata?: { httpStatusCode?: number };
  $response?: { headers?: Record<string, string> };
  code?: string;
}

/** Names of errors that an S3 store sends with a status that says something else. */
const TRANSIENT_NAMES =
  /^(RequestTimeout|RequestTimeTooSkewed|SlowDown|ThrottlingException|InternalError|TimeoutError|RequestLimitExceeded)$/;
const CREDENTIAL_NAMES =
  /^(ExpiredToken|InvalidToken|InvalidAccessKeyId|SignatureDoesNotMatch|CredentialsProviderError|TokenProviderError)/;

/** The SDK's error as one of ours. Its message is not shown: it may have a signature or a key in it. */
function translate(url: string, error: unknown): unknown {
  if (error instanceof VitrineError || error instanceof OversizedAnswer || error instanceof TransientFault)
    return error;
  const { name, code, $metadata, $response } = error as SdkError;
  if (CREDENTIAL_NAMES.test(name))
    return new VitrineError(
      "network/forbidden",
      `${displayUrl(url)}: the credentials are missing or are refused (${quote(name)}): set AWS_ACCESS_KEY_ID and ` +
        "AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or what else the AWS SDK finds",
      { cause: error },
    );
  const status = $metadata?.httpStatusCode;
  if (status === 412) return changed(url, "its ETag is another one");
  if (status === 416) return changed(url, "it ends before the bytes that are needed");
  if (status !== undefined && (isTransientStatus(status) || TRANSIENT_NAMES.test(name)))
    return new TransientFault(`HTTP ${status}, ${quote(name)}`, {
      status,
      waitMs: retryAfterMs($response?.headers?.["retry-after"]),
      cause: error,
    });
  if (status !== undefined && status >= 300) return statusError(url, status, name);
  // A TypeError is a fault of the program, not of the network.
  if (error instanceof TypeError || error instanceof RangeError) return error;
  return new TransientFault(`the connection failed (${quote(code ?? name)})`, { cause: error });
}

export interface S3Requests {
  /** Bucket and key of a URL. Throws `usage/data-url`. */
  locate(url: string): BucketLocation;
  /** Loaded and made on first use. Throws `network/s3-package`. */
  clientOf(scheme: BucketLocation["scheme"]): Promise<{ sdk: Sdk; client: S3Client }>;
  /**
   * Runs `send` with a signal that also ends it when nothing comes for a while; `touch` says that something came. `waitMs`:
   * milliseconds until the first answer; default: those of the limits.
   */
  timed<T>(
    url: string,
    signal: AbortSignal | undefined,
    send: (signal: AbortSignal, touch: () => void) => Promise<T>,
    waitMs?: number,
  ): Promise<T>;
}

export function createS3Requests(settings: StoreSettings = {}): S3Requests {
  const { idleMs, connectMs } = settings.limits ?? TRANSFER_LIMITS;
  const clients = new Map<BucketLocation["scheme"], Promise<{ sdk: Sdk; client: S3Client }>>();
  return {
    locate(url) {
      const location = parseRemote(url);
      if ("bucket" in location) return location;
      throw new VitrineError("internal/unexpected", "no URL of a bucket");
    },
    clientOf(scheme) {
      const known = clients.get(scheme);
      if (known) return known;
      const opened = (async () => ({ sdk: await loadSdk(), client: await createClient(settings, scheme) }))();
      clients.set(scheme, opened);
      return opened;
    },
    async timed(url, signal, send, waitMs = idleMs + connectMs) {
      const stalled = new AbortController();
      const expire = () => stalled.abort();
      let waited = waitMs;
      let timer = setTimeout(expire, waitMs);
      const touch = () => {
        clearTimeout(timer);
        waited = idleMs;
        timer = setTimeout(expire, idleMs);
      };
      const forward = () => stalled.abort();
      signal?.addEventListener("abort", forward, { once: true });
      try {
        return await send(stalled.signal, touch);
      } catch (error) {
        signal?.throwIfAborted();
        if (stalled.signal.aborted) throw new TransientFault(`no byte came within ${waited / 1000} s`);
        throw translate(url, error);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", forward);
      }
    },
  };
}
