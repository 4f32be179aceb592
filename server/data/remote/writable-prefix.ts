// Writable prefix: objects of a bucket below a prefix, which are read whole, written, replaced on a condition, and removed.

import { isVitrineError } from "../../../runtime/errors.js";
import { type RetryPolicy, type StoreSettings, TRANSFER_LIMITS } from "./contract.js";
import { RETRY_POLICY, retried } from "./retry.js";
import { createS3Requests } from "./s3-requests.js";
import { createS3Store } from "./s3-store.js";

/** What must be true of the object that is there for a write to happen. */
export type WriteCondition = "absent" | { etag: string };

/** Names are relative to the prefix. Every function throws `network/…`, and `file/not-found` for a bucket that is not there. */
export interface WritablePrefix {
  /** URL of the prefix, without a slash at its end. */
  readonly url: string;
  /** Null where there is no such object. Throws `file/unreadable` above `most` bytes. */
  read(
    name: string,
    most: number,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; etag: string | undefined } | null>;
  /** Null where the condition is not met. A store that knows no conditions writes in any case. */
  write(
    name: string,
    bytes: Uint8Array,
    condition?: WriteCondition,
  ): Promise<{ etag: string | undefined } | null>;
  /** Does nothing where there is no such object. */
  remove(name: string): Promise<void>;
  list(below: string): AsyncGenerator<string>;
}

/** A checkpoint is worth more than a sample: two minutes of a store that is away are waited for. */
const WRITE_RETRY: RetryPolicy = { retries: 12, baseMs: 500, capMs: 15_000, deadlineMs: 120_000 };

/** Bytes a second of the slowest upload. */
const SLOWEST_UPLOAD = 262_144;

const NOT_IMPLEMENTED = 501;
/** Another write at the same time: the object is not the one that was meant either. */
const CONFLICTS: readonly (number | undefined)[] = [409, 412];

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

/** `url`: s3://BUCKET/PREFIX or gs://BUCKET/PREFIX. */
export function openWritablePrefix(url: string, settings: StoreSettings = {}): WritablePrefix {
  const { limits = TRANSFER_LIMITS, retry = WRITE_RETRY } = settings;
  const store = createS3Store({ ...settings, retry: settings.retry ?? RETRY_POLICY });
  const { locate, clientOf, timed } = createS3Requests(settings);
  const root = url.replace(/\/+$/, "");
  const at = (name: string): string => `${root}/${name}`;
  let knowsConditions = true;

  /** One try; null where the condition is not met, "unknown" where the store knows none. */
  async function put(name: string, bytes: Uint8Array, condition: WriteCondition | undefined) {
    const { scheme, bucket, key } = locate(at(name));
    const { sdk, client } = await clientOf(scheme);
    const waitMs = limits.connectMs + limits.totalMs + (1000 * bytes.length) / SLOWEST_UPLOAD;
    const command = new sdk.PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: bytes,
      ContentLength: bytes.length,
      ...(condition === "absent" && { IfNoneMatch: "*" }),
      ...(typeof condition === "object" && { IfMatch: condition.etag }),
    });
    const send = async (abortSignal: AbortSignal) => {
      try {
        const { ETag } = await client.send(command, { abortSignal, requestTimeout: waitMs });
        return { etag: ETag };
      } catch (error) {
        const status = statusOf(error);
        // An object that is gone matches no ETag either; a bucket that is gone is an error.
        const isGone = status === 404 && (error as Error).name === "NoSuchKey";
        if (condition !== undefined && (CONFLICTS.includes(status) || isGone)) return null;
        if (condition !== undefined && status === NOT_IMPLEMENTED) return "unknown" as const;
        throw error;
      }
    };
    return timed(at(name), undefined, send, waitMs);
  }

  return {
    url: root,
    async read(name, most) {
      try {
        const { bytes, version } = await store.readWhole(at(name), most);
        return { bytes, etag: version.etag };
      } catch (error) {
        if (isVitrineError(error) && error.code === "file/not-found" && !error.details.isBucket) return null;
        throw error;
      }
    },
    async write(name, bytes, condition) {
      const write = (wanted: WriteCondition | undefined) =>
        retried(at(name), retry, undefined, () => put(name, bytes, wanted));
      const written = await write(knowsConditions ? condition : undefined);
      if (written !== "unknown") return written;
      knowsConditions = false;
      return (await write(undefined)) as { etag: string | undefined };
    },
    remove: (name) =>
      retried(at(name), retry, undefined, async () => {
        const { scheme, bucket, key } = locate(at(name));
        const { sdk, client } = await clientOf(scheme);
        await timed(at(name), undefined, (abortSignal) =>
          client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
        );
      }),
    async *list(below) {
      for await (const object of store.list(at(below))) yield object.url.slice(root.length + 1);
    },
  };
}
