// REST server: an HTTP server of the color model for tests, and calls of it whose answers are validated by /openapi.json.

import type { ErrorObject, ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import * as assert from "uvu/assert";
import { HEALTH_SERVICE, INFERENCE_SERVICE } from "../../proto/services.js";
import { isVitrineError } from "../../runtime/errors.js";
import { createHealth, type Health } from "../../server/health.js";
import { createHttpServer, type HttpServer, type HttpServerOptions } from "../../server/http/http-server.js";
import type { CallObserver, ModelLimits, ModelRepository } from "../../server/inference/contract.js";
import { createEngine, type ServedModel } from "../../server/inference/engine/engine.js";
import { DEFAULT_LIMITS } from "../../server/inference/inference-server.js";
import { createStatistics } from "../../server/inference/observation/statistics.js";
import { createInferenceHandlers } from "../../server/inference/protocol/grpc-service.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { colorModel } from "../inference/color-model.js";

export interface RestServer {
  server: HttpServer;
  health: Health;
  repository: ModelRepository;
  /** Such as `http://127.0.0.1:1234`. */
  url: string;
  /** Calls, and validates the answer by the description of its route. */
  call(path: string, init?: RequestInit): Promise<RestReply>;
  close(): Promise<void>;
}

export interface RestReply {
  status: number;
  headers: Headers;
  bytes: Buffer;
  /** The parsed JSON; undefined for another content type. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the schema has been checked
  json: any;
}

export const MAX_IMAGES = 8;
export const MAX_MESSAGE_BYTES = 1 << 20;

export async function startRest(
  options: Partial<HttpServerOptions> = {},
  model: ServedModel = colorModel(),
  maxImages = MAX_IMAGES,
  more: Partial<ModelLimits> = {},
): Promise<RestServer> {
  const limits = { ...DEFAULT_LIMITS, maxImages, maxQueue: 10_000, ...more };
  const statistics = createStatistics();
  const engine = createEngine(model, { version: "1", limits, observer: statistics.observer });
  const repository = fixedRepository([engine]);
  const health = createHealth([model.name]);
  health.setServing(true);
  const about = { repository, version: "1.2.3", isReady: () => true };
  const services = [
    { definition: INFERENCE_SERVICE, handlers: createInferenceHandlers(about) },
    { definition: HEALTH_SERVICE, handlers: health.handlers },
  ];
  const server = await createHttpServer({
    ...about,
    listen: "127.0.0.1:0",
    maxMessageBytes: MAX_MESSAGE_BYTES,
    services,
    statistics,
    ...options,
  });
  const check = await describedAnswers(server.address);
  return {
    server,
    health,
    repository,
    url: server.address,
    call: async (path, init = {}) => {
      const response = await fetch(server.address + path, init);
      const bytes = Buffer.from(await response.arrayBuffer());
      const type = (response.headers.get("content-type") ?? "").split(";")[0];
      const json = type === "application/json" && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
      const { status, headers } = response;
      if (init.method !== "HEAD" && init.method !== "OPTIONS")
        check(init.method ?? "GET", path, status, type, json);
      return { status, headers, bytes, json };
    },
    close: async () => {
      health.close();
      await server.drain(1000);
    },
  };
}

/** An observer of calls, and what resolves when `count` calls have arrived, and with the code of the first failure. */
export function watchCalls(count: number): {
  calls: CallObserver;
  arrived: Promise<void>;
  failed: Promise<string>;
} {
  let arrivals = 0;
  let allArrived = () => {};
  let firstFailed = (_code: string) => {};
  const arrived = new Promise<void>((resolve) => {
    allArrived = resolve;
  });
  const failed = new Promise<string>((resolve) => {
    firstFailed = resolve;
  });
  const calls: CallObserver = {
    arrived: () => {
      if (++arrivals === count) allArrived();
      return {
        requestId: "",
        answered: () => {},
        failed: (error) => firstFailed(isVitrineError(error) ? error.code : String(error)),
      };
    },
  };
  return { calls, arrived, failed };
}

type Check = (method: string, path: string, status: number, type: string, json: unknown) => void;

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, object> }> }>>;
}

const matches = (pattern: string, path: string): boolean =>
  new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path);

/** Throws for an answer that is not what /openapi.json says. */
async function describedAnswers(url: string): Promise<Check> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ ...document, $id: "document" });
  const validators = new Map<string, ValidateFunction>();
  const errorPointer = "/components/schemas/Error";
  return (method, path, status, type, json) => {
    const [bare] = path.split("?");
    const route = Object.keys(document.paths)
      .filter((pattern) => matches(pattern, bare))
      // A path without parameters is served before one with them.
      .sort((a, b) => a.split("{").length - b.split("{").length)[0];
    const operation = route === undefined ? undefined : document.paths[route][method.toLowerCase()];
    const known = operation?.responses[status] ? String(status) : "default";
    if (!operation || known === "default") {
      assert.ok(status >= 400, `${method} ${path} answers ${status}, which /openapi.json does not have`);
    } else {
      const types = Object.keys(operation.responses[known].content);
      assert.ok(types.includes(type), `${method} ${path} answers ${type}; described: ${types}`);
    }
    if (type !== "application/json") return;
    const escaped = (text: string) => text.replaceAll("~", "~0").replaceAll("/", "~1");
    const pointer =
      operation && known !== "default"
        ? `/paths/${escaped(route ?? "")}/${method.toLowerCase()}/responses/${known}/content/${escaped(type)}/schema`
        : errorPointer;
    const validator = validators.get(pointer) ?? ajv.compile({ $ref: `document#${encodeURI(pointer)}` });
    validators.set(pointer, validator);
    const errors: ErrorObject[] = validator(json) ? [] : (validator.errors ?? []);
    assert.equal(errors, [], `${method} ${path}: ${JSON.stringify(json)}`.slice(0, 500));
  };
}
