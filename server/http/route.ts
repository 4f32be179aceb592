// Route: one path of the REST interface, as it is served, validated and described in /openapi.json.

import type { RequestLife } from "../request-life.js";
import type { Schema } from "./schemas.js";

/** Who may call: anyone, callers that may infer, those that may load and unload models. */
export type Scope = "open" | "infer" | "admin";

export interface RestRequest {
  /** Decoded parts of the path. */
  params: Readonly<Record<string, string>>;
  /** Validated by the route's `query`. */
  query: Readonly<Record<string, unknown>>;
  headers: Readonly<Record<string, string | undefined>>;
  /** Empty where the request has none. */
  body: Buffer;
  life: RequestLife;
  requestId: string;
  /** Throws `protocol/invalid-argument` unless `value` is as `schema` says. */
  validate(schema: Schema, value: unknown): void;
}

export interface RestAnswer {
  /** Default: 200. */
  status?: number;
  /** Default: application/json. */
  type?: string;
  headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  body: object | string | Buffer;
}

export interface Route {
  method: "GET" | "POST";
  /** Such as `/v2/models/:model`. */
  path: string;
  scope: Scope;
  summary: string;
  query?: Readonly<Record<string, Schema>>;
  headers?: Readonly<Record<string, Schema>>;
  /** Content types with their schemas. */
  body?: { required: boolean; content: Readonly<Record<string, Schema>> };
  /** Largest body in bytes. Default: that of an inference. */
  bodyLimit?: number;
  answers: Readonly<Record<number, { description: string; content: Readonly<Record<string, Schema>> }>>;
  handle(request: RestRequest): RestAnswer | Promise<RestAnswer>;
}
