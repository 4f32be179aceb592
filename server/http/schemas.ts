// Schemas: what REST requests and answers look like, as JSON Schema. Requests are validated by them, /openapi.json shows
// them, and the tests validate every answer by them.

export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const count: Schema = { type: "integer", minimum: 0 };

const object = (
  properties: Record<string, Schema>,
  required: readonly string[],
  rest: Schema = {},
): Schema => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
  ...rest,
});

const list = (items: Schema, rest: Schema = {}): Schema => ({ type: "array", items, ...rest });

/** Values of the protocol's parameters. */
const parameters: Schema = {
  type: "object",
  additionalProperties: { type: ["string", "number", "boolean"] },
  maxProperties: 64,
};

const shape = (minimum: number): Schema =>
  list({ type: "integer", minimum, maximum: Number.MAX_SAFE_INTEGER }, { minItems: 1, maxItems: 8 });

/** `data` differs: in what is validated, it is the index of its place in the body. */
const inferRequest = (data: Schema): Schema =>
  object(
    {
      id: { type: "string", maxLength: 1024 },
      model_name: text,
      model_version: text,
      parameters,
      inputs: list(
        object({ name: text, shape: shape(0), datatype: text, parameters, data }, [
          "name",
          "shape",
          "datatype",
        ]),
      ),
      outputs: list(object({ name: text, parameters }, ["name"])),
    },
    ["inputs"],
  );

/** An inference request whose contents are not parsed yet. */
export const INFER_ENVELOPE = inferRequest({ type: "integer" });

const metadataTensor = object({ name: text, datatype: text, shape: shape(-1) }, [
  "name",
  "datatype",
  "shape",
]);

const classScore = object(
  { label: text, index: count, probability: { type: "number", minimum: 0, maximum: 1 } },
  ["label", "index", "probability"],
);

/** Components of the OpenAPI document; referred to by `ref`. */
export const SCHEMAS = {
  Error: object({ error: { type: "string", description: "Vitrine's code, a colon, and what went wrong" } }, [
    "error",
  ]),
  Live: object({ live: { type: "boolean" } }, ["live"]),
  Ready: object({ live: { type: "boolean" }, ready: { type: "boolean" } }, ["live", "ready"]),
  ModelReady: object({ name: text, ready: { type: "boolean" } }, ["name", "ready"]),
  ServerMetadata: object({ name: text, version: text, extensions: list(text) }, [
    "name",
    "version",
    "extensions",
  ]),
  ModelMetadata: object(
    {
      name: text,
      versions: list(text),
      platform: text,
      inputs: list(metadataTensor),
      outputs: list(metadataTensor),
      properties: { type: "object", additionalProperties: text },
    },
    ["name", "versions", "platform", "inputs", "outputs"],
  ),
  ModelConfig: {
    type: "object",
    description: "ModelConfig of Triton's model_config.proto",
    properties: {
      name: text,
      platform: text,
      max_batch_size: count,
      input: list({ type: "object" }),
      output: list({ type: "object" }),
    },
    required: ["name", "platform", "max_batch_size", "input", "output"],
  },
  Statistics: object(
    {
      model_stats: list({
        type: "object",
        properties: {
          name: text,
          version: text,
          last_inference: count,
          inference_count: count,
          execution_count: count,
          inference_stats: {
            type: "object",
            additionalProperties: object({ count, ns: count }, ["count", "ns"]),
          },
          batch_stats: list({ type: "object" }),
        },
        required: ["name", "version", "inference_count", "execution_count", "inference_stats", "batch_stats"],
      }),
    },
    ["model_stats"],
  ),
  InferRequest: inferRequest({
    type: "array",
    description:
      "Numbers, or strings for BYTES; flat or nested as `shape`. Absent where it is sent as binary data",
  }),
  InferResponse: object(
    {
      model_name: text,
      model_version: text,
      id: text,
      parameters,
      outputs: list(
        object({ name: text, datatype: text, shape: shape(0), parameters, data: { type: "array" } }, [
          "name",
          "datatype",
          "shape",
        ]),
      ),
    },
    ["model_name", "model_version", "outputs"],
  ),
  Predictions: object(
    {
      model_name: text,
      model_version: text,
      predictions: list(list(classScore), {
        description: "For each picture its most probable classes, best first",
      }),
    },
    ["model_name", "model_version", "predictions"],
  ),
  IndexRequest: object({ ready: { type: "boolean" } }, []),
  Index: list(
    object(
      {
        name: text,
        version: text,
        state: { enum: ["LOADING", "READY", "UNLOADING", "UNAVAILABLE"] },
        reason: text,
      },
      ["name", "version", "state", "reason"],
    ),
  ),
  ModelControl: object({ parameters }, []),
} satisfies Record<string, Schema>;

export type SchemaName = keyof typeof SCHEMAS;

export const ref = (name: SchemaName): Schema => ({ $ref: `#/components/schemas/${name}` });
