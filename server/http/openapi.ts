// OpenAPI: the description of the routes, made of the table that fastify serves and validates by.

import { type GrpcWebService, grpcWebPaths } from "./grpc-web.js";
import type { Route } from "./route.js";
import { ref, SCHEMAS, type Schema } from "./schemas.js";

interface Operation extends Schema {
  responses: Record<string, Schema>;
}

const media = (content: Readonly<Record<string, Schema>>): Schema =>
  Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));

/** `/v2/models/:model` → `/v2/models/{model}`. */
const openPath = (path: string): string => path.replaceAll(/:(\w+)/g, "{$1}");

const pathParameters = (path: string): Schema[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => {
    return { name, in: "path", required: true, schema: { type: "string" } };
  });

const ERROR: Schema = {
  description: "An error, with a code of docs/errors.md",
  content: media({ "application/json": ref("Error") }),
};

function operation(route: Route): Operation {
  const { path, summary, scope, query = {}, headers = {}, body, answers } = route;
  const places: readonly [place: string, schemas: Readonly<Record<string, Schema>>][] = [
    ["query", query],
    ["header", headers],
  ];
  const parameters = places.flatMap(([place, schemas]) =>
    Object.entries(schemas).map(([name, schema]): Schema => ({ name, in: place, schema })),
  );
  return {
    summary,
    parameters: [...pathParameters(path), ...parameters],
    ...(body && { requestBody: { required: body.required, content: media(body.content) } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, content }]) => [
          status,
          { description, content: media(content) },
        ]),
      ),
      default: ERROR,
    },
    ...(scope !== "open" && { security: [{ token: [scope] }, {}] }),
  };
}

const GRPC_WEB = { type: "string", contentMediaType: "application/octet-stream" };

function grpcWebOperation(path: string): Operation {
  const content = media({
    "application/grpc-web+proto": GRPC_WEB,
    "application/grpc-web-text+proto": GRPC_WEB,
  });
  return {
    summary: `gRPC-Web: ${path.slice(1)}`,
    parameters: [],
    requestBody: { required: true, content },
    responses: { "200": { description: "Messages, and the status as trailers", content }, default: ERROR },
  };
}

export function openApiDocument(
  routes: readonly Route[],
  services: readonly GrpcWebService[],
  version: string,
): Schema {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    (paths[openPath(route.path)] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  for (const path of grpcWebPaths(services)) paths[path] = { post: grpcWebOperation(path) };
  return {
    openapi: "3.1.0",
    info: {
      title: "Vitrine",
      version,
      description: "Image classification by the Open Inference Protocol v2",
    },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}
