// Infer routes: inference by the Open Inference Protocol, and pictures to labels in one request.

import { VitrineError } from "../../runtime/errors.js";
import { classScores } from "../../runtime/inference/logits.js";
import {
  type ArrivingCall,
  type CallObserver,
  type CallSubject,
  DEFAULT_PRIORITY,
  type ModelRepository,
} from "../inference/contract.js";
import { findView, inputsOf } from "../inference/protocol/model-views.js";
import { answerInfer } from "../inference/protocol/open-inference.js";
import { nextTurn } from "../slices.js";
import { writeInferAnswer } from "./infer-answer.js";
import { readInferRequest } from "./infer-request.js";
import { answerOf, modelPaths } from "./model-routes.js";
import type { RestAnswer, RestRequest, Route } from "./route.js";
import { INFER_ENVELOPE, ref } from "./schemas.js";
import { readUploads } from "./uploads.js";

export interface InferRoutesOptions {
  repository: ModelRepository;
  /** Default: nobody is notified. */
  calls?: CallObserver | undefined;
}

const HEADER_LENGTH = "inference-header-content-length";
const BINARY = { type: "string", contentMediaType: "application/octet-stream" };

/** Notifies of a call's beginning and end; `subject` is what the call is about, once its model was found. */
async function observed(
  calls: CallObserver | undefined,
  { params, requestId, headers }: RestRequest,
  answer: (
    ended: (subject: Required<CallSubject>, encodeStart: number) => void,
    found: (subject: CallSubject) => void,
  ) => Promise<RestAnswer>,
): Promise<RestAnswer> {
  const { traceparent, tracestate } = headers;
  const arriving: ArrivingCall = {
    protocol: "http",
    asked: params.model,
    requestId,
    traceparent,
    tracestate,
  };
  const call = calls?.arrived(arriving);
  let subject: CallSubject | undefined;
  try {
    return await answer(
      (answered, encodeStart) => call?.answered(answered, (performance.now() - encodeStart) / 1000),
      (found) => {
        subject = found;
      },
    );
  } catch (error) {
    call?.failed(error, subject);
    throw error;
  }
}

function inferRoute(path: string, { repository, calls }: InferRoutesOptions): Route {
  return {
    method: "POST",
    path,
    scope: "infer",
    summary: "Inference by the Open Inference Protocol v2, with JSON or binary tensors",
    headers: { [HEADER_LENGTH]: { type: "integer", minimum: 0 } },
    body: {
      required: true,
      content: { "application/json": ref("InferRequest"), "application/octet-stream": BINARY },
    },
    answers: {
      200: {
        description: "The outputs; as application/octet-stream where some are binary",
        content: { "application/json": ref("InferResponse"), "application/octet-stream": BINARY },
      },
    },
    handle: (request) =>
      observed(calls, request, async (ended, found) => {
        const { params, body, headers, life, validate } = request;
        const { model, version = "" } = params;
        const { engine, view } = findView(repository, model, version);
        const { facts } = engine;
        found({ model: facts.name, version: facts.version, images: 0 });
        const { call, id, isBinary } = await readInferRequest(body, headers[HEADER_LENGTH], {
          model,
          version,
          input: inputsOf(facts)[view],
          validate: (json) => validate(INFER_ENVELOPE, json),
        });
        const result = await answerInfer(repository, call, life, found);
        const start = performance.now();
        const answer = await writeInferAnswer(result, id, isBinary);
        ended(
          {
            model: facts.name,
            version: result.version,
            images: result.images,
            seconds: result.seconds,
          },
          start,
        );
        if (answer.headerLength === undefined) return { body: answer.body };
        return {
          type: "application/octet-stream",
          headers: { [HEADER_LENGTH]: String(answer.headerLength) },
          body: answer.body,
        };
      }),
  };
}

const DEFAULT_TOP_K = 5;

async function picturesOf({ body, headers }: RestRequest, maxImages: number): Promise<Uint8Array[]> {
  const contentType = headers["content-type"] ?? "";
  const files = /^multipart\/form-data/i.test(contentType)
    ? await readUploads(body, contentType, maxImages)
    : [body];
  if (files.length > 0 && files.every(({ length }) => length > 0)) return files;
  const text =
    "the body has no picture, or an empty one; send a picture file, or several as multipart/form-data";
  throw new VitrineError("protocol/malformed", text);
}

function classifyRoute(path: string, { repository, calls }: InferRoutesOptions): Route {
  return {
    method: "POST",
    path,
    scope: "infer",
    summary: "The most probable classes of a picture file, or of several",
    query: { top_k: { type: "integer", minimum: 1, default: DEFAULT_TOP_K } },
    body: {
      required: true,
      content: {
        "image/*": BINARY,
        "application/octet-stream": BINARY,
        "multipart/form-data": { type: "object", additionalProperties: BINARY },
      },
    },
    answers: { 200: answerOf("Predictions", "The classes") },
    handle: (request) =>
      observed(calls, request, async (ended, found) => {
        const { params, query, life } = request;
        const { facts, infer } = pictureEngine(repository, params);
        const subject = { model: facts.name, version: facts.version };
        found({ ...subject, images: 0 });
        const files = await picturesOf(request, facts.limits.maxImages);
        found({ ...subject, images: files.length });
        const { logits, count, seconds } = await infer({
          images: { kind: "pictures", files },
          extra: {},
          priority: DEFAULT_PRIORITY,
          life,
        });
        const start = performance.now();
        const { classes } = facts.config;
        const topK = Number(query.top_k ?? DEFAULT_TOP_K);
        const predictions = [];
        for (let row = 0; row < count; row++) {
          if (row > 0) await nextTurn();
          const scores = logits.logits.subarray(row * classes, (row + 1) * classes);
          predictions.push(classScores(scores, facts.labels, topK));
        }
        ended({ ...subject, images: count, seconds }, start);
        return { body: { model_name: facts.name, model_version: facts.version, predictions } };
      }),
  };
}

/** Pictures are for the model's own name: its views take pixels and values. */
function pictureEngine(repository: ModelRepository, { model, version = "" }: RestRequest["params"]) {
  const { engine, view } = findView(repository, model, version);
  if (view === "") return { facts: engine.facts, infer: engine.infer.bind(engine) };
  const text = `"${model}" takes ${view}, not pictures; classify with "${engine.facts.name}"`;
  throw new VitrineError("protocol/tensor", text);
}

export function inferRoutes(options: InferRoutesOptions): Route[] {
  return [
    ...modelPaths("/infer").map((path) => inferRoute(path, options)),
    ...modelPaths("/classify").map((path) => classifyRoute(path, options)),
  ];
}
