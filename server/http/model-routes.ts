// Model routes: what the server and its models are, and which of them are ready.

import { VitrineError } from "../../runtime/errors.js";
import type { ModelRepository } from "../inference/contract.js";
import type { Statistics } from "../inference/observation/statistics.js";
import { modelConfig, modelMetadata, snakeCase } from "../inference/protocol/model-description.js";
import { findView } from "../inference/protocol/model-views.js";
import { EXTENSIONS, isModelReady } from "../inference/protocol/protocol-facts.js";
import { loadModel, repositoryIndex, unloadModel } from "../inference/protocol/repository-calls.js";
import type { RestAnswer, RestRequest, Route } from "./route.js";
import { ref, SCHEMAS, type Schema, type SchemaName } from "./schemas.js";

export interface ModelRoutesOptions {
  repository: ModelRepository;
  /** Version of Vitrine. */
  version: string;
  /** False while loading or draining. */
  isReady(): boolean;
  /** Default: no statistics are served. */
  statistics?: Statistics | undefined;
}

/** A model's path with and without a version. */
export const modelPaths = (rest = ""): string[] =>
  ["/v2/models/:model", "/v2/models/:model/versions/:version"].map((path) => path + rest);

export const answerOf = (name: SchemaName, description: string): Route["answers"][number] => ({
  description,
  content: { "application/json": ref(name) },
});

/** Bodies of a few settings. */
const SMALL_BODY = 64 * 1024;

/** A small JSON body; `{}` where there is none. Throws `protocol/malformed`, `protocol/invalid-argument`. */
function smallJson({ body, validate }: RestRequest, schema: Schema): unknown {
  let json: unknown = {};
  try {
    if (body.length > 0) json = JSON.parse(body.toString());
  } catch (cause) {
    throw new VitrineError("protocol/malformed", "the request's body is not JSON", { cause });
  }
  validate(schema, json);
  return json;
}

function ready(isReady: boolean): RestAnswer {
  return { status: isReady ? 200 : 503, body: { live: true, ready: isReady } };
}

/** What REST has besides the protocol itself, in Triton's words. */
const REST_EXTENSIONS = [...EXTENSIONS, "binary_tensor_data", "parameters"];

function serverRoutes({ version, isReady }: ModelRoutesOptions): Route[] {
  return [
    {
      method: "GET",
      path: "/v2",
      scope: "infer",
      summary: "Name, version and extensions of the server",
      answers: { 200: answerOf("ServerMetadata", "The server") },
      handle: () => ({ body: { name: "vitrine", version, extensions: REST_EXTENSIONS } }),
    },
    {
      method: "GET",
      path: "/v2/health/live",
      scope: "open",
      summary: "Whether the process answers",
      answers: { 200: answerOf("Live", "It does") },
      handle: () => ({ body: { live: true } }),
    },
    {
      method: "GET",
      path: "/v2/health/ready",
      scope: "open",
      summary: "Whether every model is loaded and the server is not stopping",
      answers: { 200: answerOf("Ready", "It is"), 503: answerOf("Ready", "Loading or stopping") },
      handle: () => ready(isReady()),
    },
  ];
}

function describeRoutes(options: ModelRoutesOptions): Route[] {
  const { repository } = options;
  const describe = (
    rest: string,
    summary: string,
    answer: Route["answers"][number],
    body: (found: ReturnType<typeof findView>) => object,
  ): Route[] =>
    modelPaths(rest).map((path) => ({
      method: "GET",
      path,
      scope: "infer",
      summary,
      answers: { 200: answer },
      handle: ({ params: { model, version = "" } }) => ({ body: body(findView(repository, model, version)) }),
    }));
  const readiness = modelPaths("/ready").map(
    (path): Route => ({
      method: "GET",
      path,
      scope: "open",
      summary: "Whether a model can answer",
      answers: {
        200: answerOf("ModelReady", "It can"),
        503: answerOf("ModelReady", "It is loading, stopping or not here"),
      },
      handle: ({ params: { model, version = "" } }) => {
        const isReady = isModelReady(options, model, version);
        return { status: isReady ? 200 : 503, body: { name: model, ready: isReady } };
      },
    }),
  );
  return [
    ...describe(
      "",
      "Tensors, labels and settings of a model",
      answerOf("ModelMetadata", "The model"),
      (found) => modelMetadata(found.engine.facts, found.view, repository),
    ),
    ...describe(
      "/config",
      "A model's configuration as Triton has it",
      answerOf("ModelConfig", "The model"),
      (found) => snakeCase(modelConfig(found.engine.facts, found.view)) as object,
    ),
    ...readiness,
  ];
}

function statisticsRoutes({ repository, statistics }: ModelRoutesOptions): Route[] {
  if (!statistics) return [];
  return ["/v2/models/stats", ...modelPaths("/stats")].map((path) => ({
    method: "GET",
    path,
    scope: "infer",
    summary: "How many requests were answered, and how long they took, as Triton has it",
    answers: { 200: answerOf("Statistics", "The statistics") },
    handle: ({ params: { model = "", version = "" } }) => ({
      body: { model_stats: snakeCase(statistics.read(repository, model, version)) },
    }),
  }));
}

function repositoryRoutes({ repository }: ModelRoutesOptions): Route[] {
  const json = (name: SchemaName): NonNullable<Route["body"]> => ({
    required: false,
    content: { "application/json": ref(name) },
  });
  const control = (action: "load" | "unload", summary: string): Route => ({
    method: "POST",
    path: `/v2/repository/models/:model/${action}`,
    scope: "admin",
    summary,
    body: json("ModelControl"),
    bodyLimit: SMALL_BODY,
    answers: { 200: { description: "Done", content: { "application/json": { type: "object" } } } },
    handle: async (request) => {
      const { parameters = {} } = smallJson(request, SCHEMAS.ModelControl) as { parameters?: object };
      const order = { repositoryName: "", modelName: request.params.model, parameters: { ...parameters } };
      await (action === "load" ? loadModel : unloadModel)(repository, order, request.life);
      return { body: {} };
    },
  });
  return [
    {
      method: "POST",
      path: "/v2/repository/index",
      scope: "infer",
      summary: "Every model with its state; with `ready`, those that are ready",
      body: json("IndexRequest"),
      bodyLimit: SMALL_BODY,
      answers: { 200: answerOf("Index", "The models") },
      handle: (request) => {
        const { ready: onlyReady = false } = smallJson(request, SCHEMAS.IndexRequest) as { ready?: boolean };
        return { body: repositoryIndex(repository, { repositoryName: "", ready: onlyReady }) };
      },
    },
    control("load", "Reads a model's folder again and serves what it has"),
    control("unload", "Ends a model"),
  ];
}

export function modelRoutes(options: ModelRoutesOptions): Route[] {
  return [
    ...serverRoutes(options),
    ...describeRoutes(options),
    ...statisticsRoutes(options),
    ...repositoryRoutes(options),
  ];
}
