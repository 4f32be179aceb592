// S3 store: objects of buckets, through the AWS SDK. Its retries are off, and its errors become ours.

import type { GetObjectCommandOutput, HeadObjectCommandOutput, S3Client } from "@aws-sdk/client-s3";
import { displayUrl } from "../../../runtime/batches/data-path.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import type { ByteRange, ObjectVersion, StoreSettings } from "./contract.js";
import {
  type AnswerHead,
  changed,
  checkRangeHead,
  type ListedObject,
  type ObjectStore,
  statusError,
  tooLarge,
  versionOf,
  wrongRange,
} from "./object-store.js";
import { type BucketLocation, parseRemote } from "./remote-url.js";
import { isTransientStatus, RETRY_POLICY, retried, retryAfterMs, TransientFault } from "./retry.js";
import { createClient, loadSdk, type Sdk } from "./s3-client.js";
import { BoundedBody, OversizedAnswer, TRANSFER_LIMITS } from "./transfer.js";

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

function headOf(
  status: number,
  output: Pick<HeadObjectCommandOutput, "ETag" | "LastModified"> & Partial<GetObjectCommandOutput>,
): AnswerHead {
  return {
    status,
    etag: output.ETag,
    lastModified: output.LastModified?.toUTCString(),
    contentRange: output.ContentRange,
  };
}

/** The body of an answer, `most` bytes at most, with a limit on each wait. */
async function collect(
  body: GetObjectCommandOutput["Body"],
  stated: number | undefined,
  most: number,
  touch: () => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const bounded = new BoundedBody(most, stated);
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    touch();
    bounded.add(piece);
  }
  return bounded.bytes();
}

interface GetOptions {
  range?: ByteRange;
  etag?: string | undefined;
  most: number;
  signal?: AbortSignal | undefined;
}

export function createS3Store(settings: StoreSettings = {}): ObjectStore {
  const { retry = RETRY_POLICY, limits = TRANSFER_LIMITS } = settings;
  const clients = new Map<BucketLocation["scheme"], Promise<{ sdk: Sdk; client: S3Client }>>();

  function clientOf(scheme: BucketLocation["scheme"]): Promise<{ sdk: Sdk; client: S3Client }> {
    const known = clients.get(scheme);
    if (known) return known;
    const opened = (async () => ({ sdk: await loadSdk(), client: await createClient(settings, scheme) }))();
    clients.set(scheme, opened);
    return opened;
  }

  function locate(url: string): BucketLocation {
    const location = parseRemote(url);
    if ("bucket" in location) return location;
    throw new VitrineError("internal/unexpected", "no URL of a bucket");
  }

  /** Runs `send` with a signal that also ends it when nothing comes for a while; `touch` says that something came. */
  async function timed<T>(
    url: string,
    signal: AbortSignal | undefined,
    send: (signal: AbortSignal, touch: () => void) => Promise<T>,
  ): Promise<T> {
    const stalled = new AbortController();
    const { idleMs, connectMs } = limits;
    const expire = () => stalled.abort();
    let timer = setTimeout(expire, idleMs + connectMs);
    const touch = () => {
      clearTimeout(timer);
      timer = setTimeout(expire, idleMs);
    };
    const forward = () => stalled.abort();
    signal?.addEventListener("abort", forward, { once: true });
    try {
      return await send(stalled.signal, touch);
    } catch (error) {
      signal?.throwIfAborted();
      if (stalled.signal.aborted) throw new TransientFault(`no byte came within ${idleMs / 1000} s`);
      throw translate(url, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", forward);
    }
  }

  async function get(url: string, { range, etag, most, signal }: GetOptions) {
    const { scheme, bucket, key } = locate(url);
    const { sdk, client } = await clientOf(scheme);
    return timed(url, signal, async (abortSignal, touch) => {
      const command = new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
        ...(etag !== undefined && { IfMatch: etag }),
      });
      const output = await client.send(command, { abortSignal });
      touch();
      try {
        const body = await collect(output.Body, output.ContentLength, most, touch);
        return { body, output, status: output.$metadata.httpStatusCode ?? 0 };
      } catch (error) {
        (output.Body as { destroy?: () => void } | undefined)?.destroy?.();
        throw error;
      }
    });
  }

  const readOnce = async (
    url: string,
    range: ByteRange,
    version: ObjectVersion,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> => {
    const { length } = range;
    try {
      const { body, output, status } = await get(url, {
        range,
        etag: version.etag,
        most: length,
        signal,
      });
      checkRangeHead(url, range, version, headOf(status, output));
      const missing = length - body.length;
      if (missing > 0) throw new TransientFault(`the answer ended ${missing} bytes early`);
      return body;
    } catch (error) {
      if (error instanceof OversizedAnswer)
        throw wrongRange(url, `asked for ${length.toLocaleString("en-US")} bytes, it sends ${error.message}`);
      throw error;
    }
  };

  return {
    version: (url, signal) =>
      retried(url, retry, signal, async () => {
        const { scheme, bucket, key } = locate(url);
        const { sdk, client } = await clientOf(scheme);
        return timed(url, signal, async (abortSignal) => {
          const command = new sdk.HeadObjectCommand({ Bucket: bucket, Key: key });
          const output = await client.send(command, { abortSignal });
          if (output.ContentLength === undefined)
            throw wrongRange(url, "it does not state the object's length");
          return versionOf(headOf(200, output), output.ContentLength);
        });
      }),
    async *list(prefix, signal) {
      const { scheme, bucket, key } = locate(prefix);
      let token: string | undefined;
      do {
        const after = token;
        const page = await retried(prefix, retry, signal, async () => {
          const { sdk, client } = await clientOf(scheme);
          return timed(prefix, signal, (abortSignal) =>
            client.send(
              new sdk.ListObjectsV2Command({
                Bucket: bucket,
                Prefix: key,
                ...(after !== undefined && { ContinuationToken: after }),
              }),
              { abortSignal },
            ),
          );
        });
        for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
          if (Key === undefined || Size === undefined) continue;
          const listed: ListedObject = {
            url: `${scheme}://${bucket}/${Key}`,
            ...versionOf({ status: 200, etag: ETag, lastModified: LastModified?.toUTCString() }, Size),
          };
          yield listed;
        }
        token = page.IsTruncated ? page.NextContinuationToken : undefined;
        if (token !== undefined && token === after)
          throw new VitrineError("network/http", `${displayUrl(prefix)}: the list of objects has no end`);
      } while (token !== undefined);
    },
    read: (url, range, version, signal) =>
      retried(url, retry, signal, () => readOnce(url, range, version, signal)),
    readWhole: (url, most, signal) =>
      retried(url, retry, signal, async () => {
        try {
          const { body, output } = await get(url, { most, signal });
          return { bytes: body, version: versionOf(headOf(200, output), body.length) };
        } catch (error) {
          if (error instanceof OversizedAnswer) throw tooLarge(url, error.message, most);
          throw error;
        }
      }),
  };
}
