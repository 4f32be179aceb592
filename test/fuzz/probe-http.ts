// Probe HTTP: a damaged request of the REST interface is answered in time, with an answer or with a typed error that is the
// caller's, and the server serves the next one.

import { ERROR_CODES } from "../../runtime/errors.js";
import { createHttpServer } from "../../server/http/http-server.js";
import { createEngine } from "../../server/inference/engine/engine.js";
import { DEFAULT_LIMITS } from "../../server/inference/inference-server.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { colorModel } from "../inference/color-model.js";
import { mutate } from "./mutate.js";

/** A request that is damaged: header and body, and what its Content-Type says. */
interface Sample {
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

const INFER = "/v2/models/colors/infer";
const IMAGE = { name: "image", shape: [2], datatype: "BYTES" };
const PIXELS = { name: "pixels", shape: [1, 4, 4, 3], datatype: "UINT8" };
const row = Array.from({ length: 4 }, () => [1, 20, 255]);

const json = (request: object, path = INFER): Sample => {
  return {
    path,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(request)),
  };
};

function binary(request: object, raw: Uint8Array): Sample {
  const header = Buffer.from(JSON.stringify(request));
  return {
    path: INFER,
    headers: { "inference-header-content-length": String(header.length) },
    body: Buffer.concat([header, raw]),
  };
}

const FORM = ["a", "b"]
  .map(
    (name) =>
      `--xyz\r\nContent-Disposition: form-data; name="${name}"; filename="${name}.jpg"\r\n\r\nabc\r\n`,
  )
  .join("");

const SAMPLES: readonly Sample[] = [
  json({ id: "7", inputs: [{ ...IMAGE, data: ["abc", 'a"\\\n'] }], outputs: [{ name: "logits" }] }),
  json({ inputs: [{ ...IMAGE, data: ["AQID", "/wD+"], parameters: { content_type: "base64" } }] }),
  json({ inputs: [{ ...PIXELS, data: [[row, row, row, row]] }], parameters: { timeout: 1000000 } }),
  json({ inputs: [{ ...PIXELS, data: [row, row, row, row].flat(2) }] }),
  json({
    inputs: [{ name: "pixel_values", shape: [1, 3, 4, 4], datatype: "FP32", data: Array(48).fill(-0.25e-1) }],
  }),
  json({ ready: true }, "/v2/repository/index"),
  binary(
    {
      inputs: [{ ...IMAGE, parameters: { binary_data_size: 14 } }],
      parameters: { binary_data_output: true },
    },
    Uint8Array.of(3, 0, 0, 0, 1, 2, 3, 3, 0, 0, 0, 4, 5, 6),
  ),
  binary({ inputs: [{ ...PIXELS, parameters: { binary_data_size: 48 } }] }, new Uint8Array(48)),
  {
    path: "/v2/models/colors/classify",
    headers: { "content-type": "multipart/form-data; boundary=xyz" },
    body: Buffer.from(`${FORM}--xyz--\r\n`),
  },
  {
    path: "/inference.GRPCInferenceService/ModelInfer",
    headers: { "content-type": "application/grpc-web+proto" },
    body: Buffer.from([0, 0, 0, 0, 8, 10, 6, 99, 111, 108, 111, 114, 115]),
  },
];

/** Pieces that mean something in JSON, in place of a few bytes. */
const PIECES = [
  "[",
  "]",
  "{",
  "}",
  ",",
  ":",
  '"',
  "\\",
  "-",
  "1e9",
  "null",
  "[[[[",
  "9007199254740993",
  "\\u0000",
];

function damage({ path, headers, body }: Sample, next: () => number): Sample {
  if (next() % 2 === 0) return { path, headers, body: Buffer.from(mutate(body, next)) };
  const at = next() % body.length;
  const piece = Buffer.from(PIECES[next() % PIECES.length]);
  return {
    path,
    headers,
    body: Buffer.concat([body.subarray(0, at), piece, body.subarray(at + (next() % 4))]),
  };
}

export interface HttpProbe {
  /** Sends a damaged request, whose body it returns with what became of it; throws where a promise breaks. */
  probe(next: () => number, sending?: (body: Uint8Array) => void): Promise<string>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;

export async function startHttpProbe(): Promise<HttpProbe> {
  const limits = { ...DEFAULT_LIMITS, maxImages: 8 };
  const repository = fixedRepository([createEngine(colorModel(), { version: "1", limits })]);
  let internal: unknown;
  const server = await createHttpServer({
    listen: "127.0.0.1:0",
    repository,
    version: "0",
    isReady: () => true,
    maxMessageBytes: 1 << 20,
    failed: (error) => {
      internal = error;
    },
  });
  const send = async ({ path, headers, body }: Sample): Promise<string> => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const bytes = new Uint8Array(body);
    const response = await fetch(server.address + path, { method: "POST", headers, body: bytes, signal });
    const text = await response.text();
    if (internal !== undefined) throw internal;
    if (response.status === 200) return "answered";
    const code = /^\{"error":"([a-z]+\/[a-z0-9-]+): /.exec(text)?.[1] ?? "";
    if (!Object.hasOwn(ERROR_CODES, code) || response.status === 500)
      throw new Error(`${response.status}: ${text.slice(0, 200)}`);
    return code;
  };
  return {
    probe: async (next, sending) => {
      const sample = damage(SAMPLES[next() % SAMPLES.length], next);
      sending?.(sample.body);
      return send(sample);
    },
    close: async () => {
      await server.drain(1000);
    },
  };
}
