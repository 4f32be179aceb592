// Inference client: classifies pictures on a server of the Open Inference Protocol.

import { Client, credentials } from "@grpc/grpc-js";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE, PROPERTY } from "../../proto/inference-service.js";
import { decodeTensors, encodeTensors, type Tensor } from "../../proto/tensor-codec.js";
import { VitrineError } from "../../runtime/errors.js";
import { type ClassScore, classScores } from "../../runtime/inference/logits.js";
import { type CallOptions, callUnary } from "./inference-call.js";

export interface InferenceClientOptions {
  /** Name of the model; default: the server's only one. */
  model?: string;
  /** Milliseconds for each call. Default 30,000. */
  deadlineMs?: number;
  /** Largest answer that is accepted, in bytes. Default 64 MiB. */
  maxMessageBytes?: number;
}

export interface ModelMetadata {
  name: string;
  versions: string[];
  platform: string;
  inputs: { name: string; datatype: string; shape: number[] }[];
  outputs: { name: string; datatype: string; shape: number[] }[];
  /** Class names in index order; empty where the server tells none. */
  labels: string[];
  properties: Record<string, string>;
}

export interface InferOptions extends CallOptions {
  /** Outputs to bring back. Default: all. */
  outputs?: readonly string[];
  /** Echoed by the server. */
  id?: string;
}

export interface InferenceClient {
  /** JPEG or PNG files → for each its `topK` (default 5) most probable classes, best first. */
  classify(
    pictures: readonly Uint8Array[],
    options?: CallOptions & { topK?: number },
  ): Promise<ClassScore[][]>;
  metadata(options?: CallOptions): Promise<ModelMetadata>;
  /** False while the server loads or drains. Throws where nothing answers. */
  ready(options?: CallOptions): Promise<boolean>;
  /** The protocol's ModelInfer, contents sent raw; outputs by name. */
  infer(inputs: readonly Tensor[], options?: InferOptions): Promise<Map<string, Tensor>>;
  close(): void;
}

const DEADLINE_MS = 30_000;
const MAX_MESSAGE_BYTES = 64 << 20;

function parseLabels(properties: Record<string, string>): string[] {
  try {
    const labels: unknown = JSON.parse(properties[PROPERTY.labels] ?? "[]");
    return Array.isArray(labels) ? labels.map(String) : [];
  } catch {
    return [];
  }
}

function plainTensor(tensor: inference.ModelMetadataResponse.TensorMetadata.$Properties) {
  return { name: tensor.name ?? "", datatype: tensor.datatype ?? "", shape: [...(tensor.shape ?? [])] };
}

/** Calls of one connection, the protocol's messages in and out. */
class Connection {
  readonly #client: Client;
  readonly #deadlineMs: number;

  constructor(
    readonly address: string,
    readonly model: string,
    options: InferenceClientOptions,
  ) {
    const limit = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": limit,
      "grpc.max_send_message_length": -1,
    });
  }

  async ready(options: CallOptions = {}): Promise<boolean> {
    const request = inference.ServerReadyRequest.create();
    return (await this.#call(INFERENCE_SERVICE.ServerReady, request, options)).ready;
  }

  async metadata(options: CallOptions = {}): Promise<ModelMetadata> {
    const request = inference.ModelMetadataRequest.create({ name: this.model });
    const response = await this.#call(INFERENCE_SERVICE.ModelMetadata, request, options);
    const { name, versions, platform, properties } = response;
    return {
      ...{ name, versions, platform, properties },
      inputs: response.inputs.map(plainTensor),
      outputs: response.outputs.map(plainTensor),
      labels: parseLabels(properties),
    };
  }

  async infer(inputs: readonly Tensor[], options: InferOptions = {}): Promise<Map<string, Tensor>> {
    const { tensors, raw } = encodeTensors(inputs, true);
    const request = inference.ModelInferRequest.create({
      modelName: this.model,
      id: options.id ?? "",
      inputs: tensors,
      outputs: (options.outputs ?? []).map((name) => ({ name })),
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
    method: Parameters<typeof callUnary<Request, Response>>[2],
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const deadlineMs = options.deadlineMs ?? this.#deadlineMs;
    return callUnary(this.#client, this.address, method, request, { ...options, deadlineMs });
  }
}

/** `address` is HOST:PORT. Connects at the first call; a server that is not there fails that call. */
export function connectInference(address: string, options: InferenceClientOptions = {}): InferenceClient {
  const connection = new Connection(address, options.model ?? "", options);
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
        const text = `${address} answered ${pictures.length} pictures without their logits`;
        throw new VitrineError("protocol/answer", text, { details: { server: address } });
      }
      return pictures.map((_, row) =>
        classScores(logits.data.subarray(row * classes, (row + 1) * classes), names, topK),
      );
    },
  };
}
