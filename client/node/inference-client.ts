// Inference client: classifies pictures on a server of the Open Inference Protocol v2.

import {
  Client,
  type ClientUnaryCall,
  type Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE, PROPERTY } from "../../proto/services.js";
import { decodeTensors, encodeTensors, type Tensor } from "../../proto/tensor-codec.js";
import { errorOfStatus, fromStatus } from "../../proto/wire-error.js";
import { VitrineError } from "../../runtime/errors.js";
import type { CancelSignal } from "../../runtime/host/environment-types.js";
import { type ClassScore, classScores } from "../../runtime/inference/logits.js";
import { type ConnectionSecurity, openCredentials } from "./credentials.js";
import { noAnswer } from "./no-answer.js";

/** Model, deadline, limit and security of a connection. */
export interface InferenceClientOptions extends ConnectionSecurity {
  /** Name of the model, or of a view of it: `NAME:pixels`, `NAME:values`. Default: the server's only one. */
  model?: string;
  /** Default: the newest that is ready. */
  version?: string;
  /** Milliseconds for each call. Default 30,000. */
  deadlineMs?: number;
  /** Largest response that is accepted, in bytes. Default 64 MiB. */
  maxMessageBytes?: number;
}

/** Deadline and cancellation of one call. */
export interface CallOptions {
  /** Milliseconds until the call fails with `network/deadline`. Default: the client's. */
  deadlineMs?: number;
  /** Aborting it cancels the call on both sides; the call fails with `network/canceled`. */
  signal?: CancelSignal;
}

/** An output and what it is turned into. */
export interface RequestedOutput {
  name: string;
  /** In place of a row of values, the texts `SCORE:INDEX:LABEL` of as many classes, best first: BYTES [count, k]. */
  classification?: number;
}

/** Options of `InferenceClient.infer`. */
export interface InferOptions extends CallOptions {
  /** The outputs to return. Default: `logits`, or with `topK` the labels with their indices and probabilities. */
  outputs?: readonly (string | RequestedOutput)[];
  /** Classes per image of `labels`, `label_indices` and `label_probabilities`. Default of the server: 5. */
  topK?: number;
  /** 1 (first) to 10. Default of the server: 5. */
  priority?: number;
  /** Request ID, echoed by the server and written to its log. Default: none. */
  id?: string;
}

/** The protocol's ModelMetadata. An axis of −1 stands for any number of images. */
export interface ModelMetadata {
  name: string;
  versions: string[];
  /** `vitrine_wasm`, `vitrine_webgpu`, … */
  platform: string;
  inputs: { name: string; datatype: string; shape: number[] }[];
  outputs: { name: string; datatype: string; shape: number[] }[];
  /** Class names in index order; empty where the server does not list them. */
  labels: string[];
  /**
   * `image_size`, `classes`, `parameters`, `crop_ratio`, `crop_mode`, `interpolation`, `max_batch`,
   * `max_message_bytes`, `weights_sha256`, `device`, and `labels` and `outputs` as JSON.
   */
  properties: Record<string, string>;
}

/**
 * A connection to an inference server. Calls throw the server's own error where it sent one, such as `jpeg/truncated`
 * or `network/queue-full`; otherwise `network/unavailable`, `network/deadline`, `network/canceled`,
 * `protocol/message-size` or another `network/…` or `protocol/…`.
 */
export interface InferenceClient {
  /** Picture files → for each its `topK` (default 5) most probable classes, best first. */
  classify(
    pictures: readonly Uint8Array[],
    options?: CallOptions & { topK?: number },
  ): Promise<ClassScore[][]>;
  /** Name, inputs, outputs and labels of the model. */
  metadata(options?: CallOptions): Promise<ModelMetadata>;
  /** False while the server loads or drains. Throws where nothing answers. */
  ready(options?: CallOptions): Promise<boolean>;
  /**
   * The protocol's ModelInfer, contents sent raw. Inputs: `image` BYTES [count], picture files; `pixels` UINT8 [count,
   * size, size, 3]; or `pixel_values` FP32 or FP16 [count, 3, size, size], normalized. Outputs by name, most of them FP32
   * [count, classes] (docs/serving.md lists them). Throws `protocol/tensor` where a shape does not fit its data.
   */
  infer(inputs: readonly Tensor[], options?: InferOptions): Promise<Map<string, Tensor>>;
  close(): void;
}

const DEFAULT_DEADLINE_MS = 30_000;
const DEFAULT_MAX_MESSAGE_BYTES = 64 << 20;

const TOO_LARGE = /^Received message larger than max \((\d+) vs (\d+)\)/;

function typedError(error: ServiceError, address: string): VitrineError {
  const sent = fromStatus(error);
  if (sent) return sent;
  if (error.code === status.UNAVAILABLE) return noAnswer(error, address);
  const large = TOO_LARGE.exec(error.details);
  if (large) {
    const text = `${address}: the response has ${large[1]} bytes; allowed: ${large[2]} (option maxMessageBytes)`;
    return new VitrineError("protocol/message-size", text, { details: { server: address } });
  }
  return errorOfStatus(error.code, error.details, address);
}

function parseLabels(properties: Record<string, string>): string[] {
  try {
    const labels: unknown = JSON.parse(properties[PROPERTY.labels] ?? "[]");
    return Array.isArray(labels) ? labels.map(String) : [];
  } catch {
    return [];
  }
}

function tensorMetadata(tensor: inference.ModelMetadataResponse.TensorMetadata.$Properties) {
  return { name: tensor.name ?? "", datatype: tensor.datatype ?? "", shape: [...(tensor.shape ?? [])] };
}

function wireParameters(values: Record<string, number | undefined>) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, { int64Param: value }]));
}

/** The calls of one connection, each a promise with a deadline and typed errors. */
class Connection {
  readonly #address: string;
  readonly #model: string;
  readonly #version: string;
  readonly #client: Client;
  readonly #headers: Metadata;
  readonly #deadlineMs: number;

  constructor(address: string, options: InferenceClientOptions) {
    this.#address = address;
    this.#model = options.model ?? "";
    this.#version = options.version ?? "";
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const security = openCredentials(address, options);
    this.#headers = security.metadata;
    this.#client = new Client(address, security.channel, {
      ...security.options,
      "grpc.max_receive_message_length": options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
      "grpc.max_send_message_length": -1,
    });
  }

  async ready(options: CallOptions = {}): Promise<boolean> {
    const request = inference.ServerReadyRequest.create();
    return (await this.#call(INFERENCE_SERVICE.ServerReady, request, options)).ready;
  }

  async metadata(options: CallOptions = {}): Promise<ModelMetadata> {
    const request = inference.ModelMetadataRequest.create({ name: this.#model, version: this.#version });
    const response = await this.#call(INFERENCE_SERVICE.ModelMetadata, request, options);
    const { name, versions, platform, properties } = response;
    return {
      name,
      versions,
      platform,
      inputs: response.inputs.map(tensorMetadata),
      outputs: response.outputs.map(tensorMetadata),
      labels: parseLabels(properties),
      properties,
    };
  }

  async infer(inputs: readonly Tensor[], options: InferOptions = {}): Promise<Map<string, Tensor>> {
    const { tensors, raw } = encodeTensors(inputs, true);
    const request = inference.ModelInferRequest.create({
      modelName: this.#model,
      modelVersion: this.#version,
      id: options.id ?? "",
      parameters: wireParameters({ top_k: options.topK, priority: options.priority }),
      inputs: tensors,
      outputs: (options.outputs ?? []).map((output) => {
        const { name, classification }: RequestedOutput =
          typeof output === "string" ? { name: output } : output;
        return { name, parameters: wireParameters({ classification }) };
      }),
      rawInputContents: raw,
    });
    const response = await this.#call(INFERENCE_SERVICE.ModelInfer, request, options);
    const outputs = decodeTensors(response.outputs, response.rawOutputContents).tensors;
    return new Map(outputs.map((tensor) => [tensor.name, tensor]));
  }

  close(): void {
    this.#client.close();
  }

  #call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    { deadlineMs = this.#deadlineMs, signal }: CallOptions,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new VitrineError("network/canceled", `${this.#address}: canceled before it was sent`));
        return;
      }
      const abort = () => call.cancel();
      const call: ClientUnaryCall = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#headers,
        { deadline: Date.now() + deadlineMs },
        (error, response) => {
          signal?.removeEventListener("abort", abort);
          if (error) reject(typedError(error, this.#address));
          else resolve(response as Response);
        },
      );
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

/**
 * A client of `vitrine serve`, or of another server of the protocol with the same tensors. `address` is HOST:PORT.
 * Connects at the first call; where no server listens, that call fails with `network/unavailable`. Throws `usage/tls`,
 * `file/not-found`, `file/unreadable`.
 *
 * ```ts
 * const client = connectInference("127.0.0.1:8001", { deadlineMs: 5_000 });
 * const [best] = await client.classify([await readFile("photo.jpg")], { topK: 3 });
 * client.close();
 * ```
 */
export function connectInference(address: string, options: InferenceClientOptions = {}): InferenceClient {
  const connection = new Connection(address, options);
  let described: Promise<ModelMetadata> | undefined;
  const labels = async (callOptions: CallOptions): Promise<string[]> => {
    described ??= connection.metadata(callOptions);
    try {
      return (await described).labels;
    } catch (error) {
      described = undefined;
      throw error;
    }
  };
  return {
    ready: (callOptions) => connection.ready(callOptions),
    metadata: (callOptions) => connection.metadata(callOptions),
    infer: (inputs, inferOptions) => connection.infer(inputs, inferOptions),
    close: () => connection.close(),
    classify: async (pictures, { topK = 5, ...callOptions } = {}) => {
      if (pictures.length === 0) return [];
      const names = await labels(callOptions);
      const image: Tensor = {
        name: "image",
        datatype: "BYTES",
        shape: [pictures.length],
        data: [...pictures],
      };
      const outputs = await connection.infer([image], { ...callOptions, outputs: ["logits"] });
      const logits = outputs.get("logits");
      const [count = 0, classes = 0] = logits?.shape ?? [];
      if (logits?.datatype !== "FP32" || count !== pictures.length) {
        const text = `${address} answered a request of ${pictures.length} images without their logits`;
        throw new VitrineError("protocol/answer", text, { details: { server: address } });
      }
      return pictures.map((_, row) =>
        classScores(logits.data.subarray(row * classes, (row + 1) * classes), names, topK),
      );
    },
  };
}
