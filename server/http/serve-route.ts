// Serve route: a row of the table of routes as fastify serves it, and the answers to every other method of its path.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { quote, VitrineError } from "../../runtime/errors.js";
import { describeProblems, errorAnswer } from "./answer-errors.js";
import { lifeOfRequest } from "./request-life.js";
import type { RestAnswer, Route } from "./route.js";
import type { Schema } from "./schemas.js";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

function sendAnswer(
  reply: FastifyReply,
  { status = 200, type, headers = {}, body }: RestAnswer,
): FastifyReply {
  const isText = typeof body === "string" || Buffer.isBuffer(body);
  return reply
    .status(status)
    .headers(headers)
    .type(type ?? "application/json")
    .send(isText ? body : JSON.stringify(body));
}

export function sendError(reply: FastifyReply, error: unknown, bodyLimit: number): FastifyReply {
  const { status, headers, body } = errorAnswer(error, bodyLimit);
  return sendAnswer(reply, { status, headers, body });
}

export function addRoute(app: FastifyInstance, route: Route, timeoutMs: number): void {
  const { method, path, query = {}, bodyLimit, scope } = route;
  const querySchema = { type: "object", properties: query, additionalProperties: false };
  app.route({
    method,
    url: path,
    ...(bodyLimit !== undefined && { bodyLimit }),
    config: { scope },
    handler: async (request, reply) => {
      const given = numbersOf(request.query as Record<string, unknown>, query);
      validate(request, querySchema, given, "query");
      const answer = await route.handle({
        params: request.params as Record<string, string>,
        query: given,
        headers: request.headers as Record<string, string | undefined>,
        body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        life: lifeOfRequest(request, reply, timeoutMs),
        requestId: request.id,
        validate: (schema, value) => validate(request, schema, value, "the request's JSON"),
      });
      return sendAnswer(reply, answer);
    },
  });
}

/** The query, where everything is text, with numbers where the schema has them. */
function numbersOf(
  query: Readonly<Record<string, unknown>>,
  schemas: Readonly<Record<string, Schema>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([name, text]) => {
      const isNumber = schemas[name]?.type === "integer" && /^\d{1,9}$/.test(String(text));
      return [name, isNumber ? Number(text) : text];
    }),
  );
}

function validate(request: FastifyRequest, schema: Schema, value: unknown, where: string): void {
  const check = request.compileValidationSchema(schema as Record<string, unknown>);
  if (check(value)) return;
  throw new VitrineError("protocol/invalid-argument", `${where}: ${describeProblems(check.errors ?? [])}`);
}

/** Every other method of a path is 405, and OPTIONS says what is allowed. */
export function addOtherMethods(
  app: FastifyInstance,
  served: readonly { method: string; path: string }[],
): void {
  const config = { scope: "open" };
  for (const url of new Set(served.map(({ path }) => path))) {
    const methods = served.filter(({ path }) => path === url).map(({ method }) => method);
    const allowed = methods.includes("GET") ? [...methods, "HEAD"] : methods;
    const allow = [...allowed, "OPTIONS"].join(", ");
    app.options(url, { config }, async (_request, reply) => reply.header("allow", allow).status(204).send());
    app.route({
      method: METHODS.filter((method) => !allowed.includes(method)),
      url,
      config,
      handler: async (request, reply) => {
        reply.header("allow", allow);
        const text = `${request.method} "${quote(request.url)}"; allowed: ${allow}`;
        throw new VitrineError("protocol/method-not-allowed", text);
      },
    });
  }
}
