// S3 store: objects of buckets, through the AWS SDK.

import type { GetObjectCommandOutput, HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import { displayUrl } from "../../../runtime/batches/data-path.js";
import { VitrineError } from "../../../runtime/errors.js";
import type { ByteRange, ObjectVersion, StoreSettings } from "./contract.js";
import {
  type AnswerHead,
  checkRangeHead,
  type ListedObject,
  type ObjectStore,
  tooLarge,
  versionOf,
  wrongRange,
} from "./object-store.js";
import { RETRY_POLICY, retried, TransientFault } from "./retry.js";
import { createS3Requests } from "./s3-requests.js";
import { BoundedBody, OversizedAnswer } from "./transfer.js";

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
  const { retry = RETRY_POLICY } = settings;
  const { locate, clientOf, timed } = createS3Requests(settings);

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
