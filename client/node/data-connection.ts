// Data connection: one channel to a data server, and what its failures mean.

import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { WireBatch } from "../../proto/batch-codec.js";
import { describeMethod, type StreamRequest, streamBatchesMethod } from "../../proto/data-service.js";
import { fromStatus } from "../../proto/error-metadata.js";
import { errorOfStatus } from "../../proto/error-status.js";
import { FLOW_CONTROL_WINDOW_BYTES } from "../../proto/limits.js";
import type { DataDescription } from "../../runtime/batches/batch-source.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";

/** What a transport says when the other end died, went away, or stops. Our own cancels are never asked about. */
const GONE = new Set<status>([
  status.UNAVAILABLE,
  status.CANCELLED,
  status.INTERNAL,
  status.DEADLINE_EXCEEDED,
]);

/** Descriptions of data sets with many classes. */
const MAX_DESCRIPTION_BYTES = 64 * 2 ** 20;

/** True where another try, later, can succeed. */
export function isGone(error: unknown): error is VitrineError {
  return isVitrineError(error) && error.code === "network/unavailable";
}

/** grpc-js wraps the operating system's words in its own. */
function reasonOf({ details }: ServiceError): string {
  return /Last error: (?:Error: )?(.*?)\. Resolution note/.exec(details)?.[1] ?? details;
}

function typedError(error: ServiceError, address: string): VitrineError {
  const theirs = fromStatus(error);
  if (theirs && !theirs.code.startsWith("network/")) return theirs;
  if (theirs || GONE.has(error.code))
    return new VitrineError("network/unavailable", theirs?.message ?? reasonOf(error), {
      details: { server: address },
      cause: error,
    });
  if (error.code === status.UNIMPLEMENTED)
    return new VitrineError(
      "network/not-a-data-server",
      `${address} answers, but is no data server: give the address of "vitrine data-server" (--data-server)`,
      { details: { server: address } },
    );
  return errorOfStatus(error.code, error.details, address);
}

export class DataConnection {
  private readonly client: Client;

  /** `batchBytes` bounds a received message. Connects at the first call. */
  constructor(
    readonly address: string,
    batchBytes: number,
  ) {
    this.client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": Math.max(batchBytes, MAX_DESCRIPTION_BYTES),
      "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
      // A machine that vanished without a word is noticed.
      "grpc.keepalive_time_ms": 20_000,
      "grpc.keepalive_timeout_ms": 10_000,
      // A new connection must not inherit the waiting times of the one that failed.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      // A proxy that the environment names for the web has no business between a trainer and its data.
      "grpc.enable_http_proxy": 0,
    });
  }

  describe(deadlineMs: number): Promise<DataDescription> {
    const { path, requestSerialize, responseDeserialize } = describeMethod;
    const deadline = Date.now() + deadlineMs;
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        new Metadata(),
        { deadline },
        (error, answer) => {
          if (error || !answer) return reject(typedError(error as ServiceError, this.address));
          const { fingerprint, samples, classes, instance } = answer;
          resolve({
            fingerprint: fingerprint ?? "",
            samples: samples ?? 0,
            classes: classes ?? [],
            instance: instance ?? "",
          });
        },
      );
    });
  }

  stream(): ClientDuplexStream<StreamRequest, WireBatch> {
    const { path, requestSerialize, responseDeserialize } = streamBatchesMethod;
    return this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  }

  /** The error that a stream of this connection ended with, typed. */
  errorOf(error: ServiceError): VitrineError {
    return typedError(error, this.address);
  }

  close(): void {
    this.client.close();
  }
}
