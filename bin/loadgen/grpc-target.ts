// gRPC target: sends prepared ModelInfer messages. Answers are not decoded: the generator shares the machine with what it
// measures, and its own work must stay small.

import { Client, type ServiceError, status } from "@grpc/grpc-js";
import { openCredentials } from "../../client/node/credentials.js";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { errorOfStatus, fromStatus } from "../../proto/wire-error.js";
import type { ConnectionFlags } from "../security-options.js";
import { OK, type PreparedRequest, type Target } from "./target.js";

export interface TargetOptions {
  address: string;
  model: string;
  /** Empty: the server chooses. */
  version: string;
  /** Connections over which requests take turns. */
  connections: number;
  security: ConnectionFlags;
}

const DESCRIBE_MS = 30_000;

const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

type Method<Request, Response> = {
  path: string;
  requestSerialize(request: Request): Buffer;
  responseDeserialize(bytes: Buffer): Response;
};

/** Throws `usage/tls`, `file/…`. */
export function openGrpcTarget({ address, model, version, connections, security }: TargetOptions): Target {
  const { channel, metadata, options } = openCredentials(address, security);
  const clients = Array.from(
    { length: connections },
    () =>
      new Client(address, channel, {
        ...options,
        // Otherwise all clients of one address share a connection.
        "grpc.use_local_subchannel_pool": 1,
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1,
      }),
  );
  let turn = 0;
  const nextClient = (): Client => clients[turn++ % clients.length]!;
  const call = <Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> =>
    new Promise((resolve, reject) => {
      nextClient().makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        { deadline: Date.now() + DESCRIBE_MS },
        (error, response) => {
          if (!error) return resolve(response!);
          reject(fromStatus(error) ?? errorOfStatus(error.code, error.details, address));
        },
      );
    });
  return {
    protocol: "grpc",
    async describe() {
      const request = inference.ModelMetadataRequest.create({ name: model, version });
      const answer = await call(INFERENCE_SERVICE.ModelMetadata, request);
      const inputs = answer.inputs.map(({ name, datatype, shape }) => ({
        name: name ?? "",
        datatype: datatype ?? "",
        shape: shape ?? [],
      }));
      return { name: answer.name, version: version || (answer.versions.at(-1) ?? ""), inputs };
    },
    prepare(inputs) {
      const message = inference.ModelInferRequest.create({
        modelName: model,
        modelVersion: version,
        inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: [...shape] })),
        rawInputContents: inputs.map(({ raw }) => raw),
      });
      return inference.ModelInferRequest.encode(message).finish() as PreparedRequest;
    },
    send: (request, deadlineMs) =>
      new Promise((resolve) => {
        nextClient().makeUnaryRequest(
          INFERENCE_SERVICE.ModelInfer.path,
          asIs,
          (bytes: Buffer) => bytes.length,
          request,
          metadata,
          { deadline: Date.now() + deadlineMs },
          (error) => resolve(error ? codeOf(error) : OK),
        );
      }),
    counts: async () => undefined,
    close() {
      for (const client of clients) client.close();
    },
  };
}

/** Our servers' own code, or the status's name. */
function codeOf(error: ServiceError): string {
  return fromStatus(error)?.code ?? status[error.code] ?? String(error.code);
}
