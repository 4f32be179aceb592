// Infer stream: ModelStreamInfer. Requests are computed side by side and answered in their order; the error of a request
// is its own and the stream goes on. What one stream holds is bounded: the next request is read when there is room.

import { setMaxListeners } from "node:events";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { inference } from "../../../proto/generated/inference.js";
import type { InferRequest } from "../../../proto/infer-request.js";
import type { InferMessage } from "../../../proto/services.js";
import { toStatus } from "../../../proto/wire-error.js";
import { VitrineError } from "../../../runtime/errors.js";
import { lifeOfCall, type RequestLife } from "../../request-life.js";

type InferResponse = inference.ModelInferResponse.$Properties;
type StreamResponse = inference.ModelStreamInferResponse.$Properties;
export type InferStream = ServerDuplexStream<InferMessage, StreamResponse>;

/** Requests that a stream may have in progress, and their bytes: one that is larger waits until it is alone. */
const MAX_REQUESTS = 32;
const MAX_BYTES = 16 << 20;

/** With this header an error ends the stream with its status, as a call of ModelInfer would end. */
const ERROR_HEADER = "triton_grpc_error";

/** Triton's clients count a request as answered when a response has it. */
const FINAL = { triton_final_response: { boolParam: true } };

/** Answers one request; `onRequest` is called as soon as it is read. */
export type InferOne = (
  bytes: Uint8Array,
  life: RequestLife,
  onRequest: (request: InferRequest) => void,
) => Promise<InferResponse>;

function answered(response: InferResponse): StreamResponse {
  return { inferResponse: { ...response, parameters: FINAL } };
}

function failed(error: unknown, request: InferRequest | undefined): StreamResponse {
  const { id = "", modelName = "", modelVersion = "" } = request ?? {};
  const inferResponse = { id, modelName, modelVersion, parameters: FINAL };
  return { errorMessage: toStatus(error, "inference").details, inferResponse };
}

/** Takes the requests of a stream and writes a response for each. `stopping` ends it after those in progress. */
export function serveInferStream(stream: InferStream, infer: InferOne, stopping?: AbortSignal): void {
  const life = lifeOfCall(stream);
  // Each request in progress listens to it.
  setMaxListeners(0, life.signal);
  const endsAtErrors = stream.metadata.get(ERROR_HEADER)[0] === "true";
  /** One per request, in their order. */
  let last: Promise<void> = Promise.resolve();
  let requests = 0;
  let bytes = 0;
  let done = false;
  let wantsMore = false;

  // Node reads ahead of the listener; a stream of large requests would fill the memory with what it may not start yet.
  const readNext = stream._read.bind(stream);
  stream._read = (size) => {
    if (requests < MAX_REQUESTS && bytes < MAX_BYTES) readNext(size);
    else wantsMore = true;
  };
  const release = (size: number) => {
    requests--;
    bytes -= size;
    if (!wantsMore || done) return;
    wantsMore = false;
    stream._read(1);
  };
  const finish = (error?: unknown) => {
    if (done) return;
    done = true;
    if (error === undefined) stream.end();
    else stream.emit("error", toStatus(error, "inference"));
  };
  const finishAfterLast = (error?: unknown) => void last.then(() => finish(error));

  const compute = async (message: Uint8Array): Promise<StreamResponse> => {
    let request: InferRequest | undefined;
    const onRequest = (read: InferRequest) => {
      request = read;
    };
    try {
      return answered(await infer(message, life, onRequest));
    } catch (error) {
      if (endsAtErrors) throw error;
      return failed(error, request);
    }
  };

  stream.on("data", (message: Uint8Array) => {
    // An answered message is freed: then it has no length.
    const size = message.length;
    requests++;
    bytes += size;
    const response = compute(message);
    response.catch(() => {});
    last = last
      .then(async () => {
        const ready = await response;
        if (!done && !stream.cancelled) await written(stream, ready);
      })
      .catch(finish)
      .finally(() => release(size));
  });
  stream.on("end", () => finishAfterLast());
  stream.on("error", () => {});
  const stop = () => {
    stream.pause();
    finishAfterLast(new VitrineError("network/draining", "the server is stopping: open the stream again"));
  };
  // Each open stream listens to it.
  if (stopping) setMaxListeners(0, stopping);
  if (stopping?.aborted) stop();
  else stopping?.addEventListener("abort", stop, { once: true });
  const leave = () => stopping?.removeEventListener("abort", stop);
  stream.on("close", leave);
  stream.on("cancelled", leave);
}

/** Resolves when the client has room for the next response. */
function written(stream: InferStream, response: StreamResponse): Promise<void> {
  return new Promise((resolve) => {
    const message = inference.ModelStreamInferResponse.create(response);
    if (stream.write(message)) return resolve();
    const go = () => {
      stream.off("drain", go);
      stream.off("cancelled", go);
      resolve();
    };
    stream.on("drain", go);
    stream.on("cancelled", go);
  });
}
