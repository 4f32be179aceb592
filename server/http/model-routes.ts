// Model routes: what the server and its models are, and which of them are ready.

import { VitrineError } from "../../runtime/errors.js";
import type { ModelRepository } from "../inference/contract.js";
import { modelMetadata } from "../inference/model-description.js";
import { parseViewName } from "../inference/model-views.js";
import { findView } from "../inference/open-inference.js";
import type { RestAnswer, RestRequest, Route } from "./route.js";
import { ref, SCHEMAS, type Schema, type SchemaName } from "./schemas.js";

export interface ModelRoutesOptions {
  repository: ModelRepository;
  /** Version of Vitrine. */
  version: string;
  /** What the server has besides the protocol itself, in Triton's words. */
  extensions: readonly string[];
  /** False while loading or draining. */
  isReady(): boolean;
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

function serverRoutes({ version, extensions, isReady }: ModelRoutesOptions): Route[] {
  return [
    {
      method: "GET",
      path: "/v2",
      scope: "infer",
      summary: "Name, version and extensions of the server",
      answers: { 200: answerOf("ServerMetadata", "The server") },
      handle: () => ({ body: { name: "vitrine", version, extensions } }),
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

function describeRoutes({ repository, isReady }: ModelRoutesOptions): Route[] {
  const metadata = modelPaths().map(
    (path): Route => ({
      method: "GET",
      path,
      scope: "infer",
      summary: "Tensors, labels and settings of a model",
      answers: { 200: answerOf("ModelMetadata", "The model") },
      handle: ({ params: { model, version = "" } }) => {
        const { engine, view } = findView(repository, model, version);
        return { body: modelMetadata(engine.facts, view, repository) };
      },
    }),
  );
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
        const isModelReady = isReady() && repository.isReady(parseViewName(model).model, version);
        return { status: isModelReady ? 200 : 503, body: { name: model, ready: isModelReady } };
      },
    }),
  );
  return [...metadata, ...readiness];
}

function repositoryRoutes({ repository }: ModelRoutesOptions): Route[] {
  const json = (name: SchemaName): NonNullable<Route["body"]> => ({
    required: false,
    content: { "application/json": ref(name) },
  });
  const control = (
    action: "load" | "unload",
    schema: "LoadRequest" | "UnloadRequest",
    summary: string,
  ): Route => ({
    method: "POST",
    path: `/v2/repository/models/:model/${action}`,
    scope: "admin",
    summary,
    body: json(schema),
    bodyLimit: SMALL_BODY,
    answers: { 200: { description: "Done", content: { "application/json": { type: "object" } } } },
    handle: async (request) => {
      smallJson(request, SCHEMAS[schema]);
      await repository[action](request.params.model);
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
        const { ready: onlyReady } = smallJson(request, SCHEMAS.IndexRequest) as { ready?: boolean };
        const models = repository.index().filter(({ state }) => !onlyReady || state === "ready");
        return {
          body: models.map(({ name, version, state, reason }) => ({
            name,
            version,
            state: state.toUpperCase(),
            reason,
          })),
        };
      },
    },
    control("load", "LoadRequest", "Reads a model's folder again and serves what it has"),
    control("unload", "UnloadRequest", "Ends a model"),
  ];
}

export function modelRoutes(options: ModelRoutesOptions): Route[] {
  return [...serverRoutes(options), ...describeRoutes(options), ...repositoryRoutes(options)];
}
