// gRPC target: sends prepared ModelInfer messages. Answers are not decoded: the generator shares the machine with what it
// measures, and its own work must stay small.

import { Client, type ServiceError, status } from "@grpc/grpc-js";
import { openCredentials } from "../../client/node/credentials.js";
import { noAnswer } from "../../client/node/no-answer.js";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { errorOfStatus, fromStatus } from "../../proto/wire-error.js";
import { OK, type PreparedRequest, type ServerCounts, type Target, type TargetOptions } from "./target.js";

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
          const sent = fromStatus(error);
          if (sent) return reject(sent);
          const isAway = error.code === status.UNAVAILABLE;
          reject(isAway ? noAnswer(error, address) : errorOfStatus(error.code, error.details, address));
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
    async counts() {
      try {
        const request = inference.ModelStatisticsRequest.create({ name: model, version });
        return countsOf(await call(INFERENCE_SERVICE.ModelStatistics, request));
      } catch {
        // Servers without Triton's extension do not count.
        return undefined;
      }
    },
    close() {
      for (const client of clients) client.close();
    },
  };
}

/** Of all versions together. */
function countsOf({ modelStats: models }: inference.ModelStatisticsResponse): ServerCounts | undefined {
  if (models.length === 0) return undefined;
  type Model = (typeof models)[number];
  const sum = (value: (model: Model) => number | bigint | undefined | null): number =>
    models.reduce((total, model) => total + Number(value(model) ?? 0), 0);
  const seconds = (stage: "queue" | "computeInput" | "computeInfer" | "computeOutput"): number =>
    sum(({ inferenceStats }) => inferenceStats?.[stage]?.ns) / 1e9;
  return {
    requests: sum(({ inferenceStats }) => inferenceStats?.success?.count),
    batches: sum(({ executionCount }) => executionCount),
    images: sum(({ inferenceCount }) => inferenceCount),
    seconds: {
      queue: seconds("queue"),
      input: seconds("computeInput"),
      compute: seconds("computeInfer"),
      output: seconds("computeOutput"),
    },
  };
}

/** Our servers' own code, or the status's name. */
function codeOf(error: ServiceError): string {
  return fromStatus(error)?.code ?? status[error.code] ?? String(error.code);
}
