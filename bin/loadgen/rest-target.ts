// REST target: sends prepared requests of the Open Inference Protocol's REST form with binary tensors, over connections
// that stay open.

import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { openCredentials } from "../../client/node/credentials.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { OK, type PreparedRequest, type ServerCounts, type Target, type TargetOptions } from "./target.js";

/** A prepared request is its JSON header and the tensors behind it; the header's length goes into a header of HTTP. */
const HEADER_LENGTH = "inference-header-content-length";

const CALL_MS = 30_000;

/** An answer that is read: metadata and statistics, or an error's text. */
const MOST_BYTES = 16 * 2 ** 20;

interface Answer {
  status: number;
  body: Buffer;
}

/** `address`: `http://HOST:PORT` or `https://HOST:PORT`. Throws `usage/tls`, `file/…`. */
export function openRestTarget({ address, model, version, security }: TargetOptions): Target {
  const { protocol, hostname, port } = new URL(address);
  const isTls = protocol === "https:";
  const { metadata, tls } = openCredentials(`${hostname}:${port}`, { ...security, tls: isTls });
  const [authorization] = metadata.get("authorization");
  // Each of a level's requests has a connection of its own, which the next one uses again.
  const keepAlive = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };
  const agent = isTls
    ? new HttpsAgent({
        ...keepAlive,
        ...(tls?.ca && { ca: tls.ca }),
        ...(tls?.cert && tls.key && { cert: tls.cert, key: tls.key }),
      })
    : new HttpAgent(keepAlive);
  const send = isTls ? httpsRequest : httpRequest;
  const names = [encodeURIComponent(model), ...(version === "" ? [] : ["versions", version])];
  const path = `/v2/models/${names.join("/")}`;

  const call = (options: RequestOptions, body: Uint8Array | undefined, deadlineMs: number): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const headers = {
        ...options.headers,
        ...(body && { "content-length": body.length }),
        ...(authorization !== undefined && { authorization: String(authorization) }),
      };
      const signal = AbortSignal.timeout(deadlineMs);
      const request = send({
        hostname: hostname.replace(/^\[|\]$/g, ""),
        port,
        agent,
        signal,
        ...options,
        headers,
      });
      request.once("error", reject);
      request.once("response", (response) => {
        const isRead = response.statusCode !== 200 || options.method === "GET";
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (isRead && bytes <= MOST_BYTES) chunks.push(chunk);
        });
        response.once("error", reject);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }),
        );
      });
      request.end(body);
    });

  const get = async (route: string): Promise<Answer> => {
    try {
      return await call({ method: "GET", path: route }, undefined, CALL_MS);
    } catch (cause) {
      const reason = quote((cause as NodeJS.ErrnoException).code ?? String(cause));
      throw new VitrineError("network/unavailable", `no answer from ${address} (${reason})`, { cause });
    }
  };
  return {
    protocol: "http",
    async describe() {
      const { status, body } = await get(path);
      const text = body.toString("utf8");
      if (status !== 200)
        throw new VitrineError("network/http", `${address}${path}: HTTP ${status}: ${quote(text)}`);
      return descriptionOf(parseJson(text, address), version);
    },
    prepare(inputs) {
      const header = Buffer.from(
        JSON.stringify({
          parameters: { binary_data_output: true },
          inputs: inputs.map(({ raw, ...input }) => ({
            ...input,
            parameters: { binary_data_size: raw.length },
          })),
        }),
      );
      const body = Buffer.concat([header, ...inputs.map(({ raw }) => raw)]);
      return Object.assign(body, { headerLength: header.length }) as unknown as PreparedRequest;
    },
    async send(request, deadlineMs) {
      const { headerLength } = request as unknown as { headerLength: number };
      const headers = { "content-type": "application/octet-stream", [HEADER_LENGTH]: headerLength };
      try {
        const answer = await call({ method: "POST", path: `${path}/infer`, headers }, request, deadlineMs);
        return answer.status === 200 ? OK : codeOf(answer);
      } catch (error) {
        const { name, code } = error as NodeJS.ErrnoException;
        return name === "AbortError" || name === "TimeoutError" ? "deadline" : (code ?? name);
      }
    },
    async counts() {
      const { status, body } = await get(`${path}/stats`);
      return status === 200 ? countsOf(parseJson(body.toString("utf8"), address)) : undefined;
    },
    close: () => agent.destroy(),
  };
}

function parseJson(text: string, address: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VitrineError("network/http", `${address} answered with other than JSON: ${quote(text)}`, {
      cause,
    });
  }
}

/** Our servers' own code, which starts an error's text, or the status. */
function codeOf({ status, body }: Answer): string {
  try {
    const { error } = JSON.parse(body.toString("utf8")) as { error?: unknown };
    return /^([a-z]+\/[a-z0-9-]+): /.exec(String(error))?.[1] ?? `HTTP ${status}`;
  } catch {
    return `HTTP ${status}`;
  }
}

interface JsonInput {
  name?: unknown;
  datatype?: unknown;
  shape?: unknown;
}

function descriptionOf(metadata: unknown, version: string): Awaited<ReturnType<Target["describe"]>> {
  const { name, versions, inputs } = metadata as { name?: unknown; versions?: unknown; inputs?: unknown };
  const last = Array.isArray(versions) ? String(versions.at(-1) ?? "") : "";
  return {
    name: String(name),
    version: version === "" ? last : version,
    inputs: (Array.isArray(inputs) ? (inputs as JsonInput[]) : []).map((input) => ({
      name: String(input.name),
      datatype: String(input.datatype),
      shape: Array.isArray(input.shape) ? input.shape.map(Number) : [],
    })),
  };
}

type JsonDuration = { ns?: number } | undefined;

function countsOf(statistics: unknown): ServerCounts | undefined {
  const { model_stats: models } = statistics as { model_stats?: unknown };
  if (!Array.isArray(models) || models.length === 0) return undefined;
  const sum = (value: (model: Record<string, unknown>) => unknown): number =>
    models.reduce((total: number, model) => total + Number(value(model) ?? 0), 0);
  const seconds = (field: string): number =>
    sum(({ inference_stats: stats }) => ((stats as Record<string, JsonDuration>)?.[field]?.ns ?? 0) / 1e9);
  return {
    requests: sum(
      ({ inference_stats: stats }) => (stats as Record<string, { count?: number }>)?.success?.count,
    ),
    batches: sum(({ execution_count: count }) => count),
    images: sum(({ inference_count: count }) => count),
    seconds: {
      queue: seconds("queue"),
      input: seconds("compute_input"),
      compute: seconds("compute_infer"),
      output: seconds("compute_output"),
    },
  };
}
