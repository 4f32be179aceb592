// Remote teacher: a teacher that another process serves by the Open Inference Protocol. It gets the student's pixels as
// a local one does and answers with logits, so that the trainer needs neither memory nor a device for it.

import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  connectInference,
  type InferenceClient,
  type ModelMetadata,
} from "../client/node/inference-client.js";
import { PROPERTY } from "../proto/services.js";
import { counted } from "../runtime/batches/class-counts.js";
import { type ErrorCode, isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { defaultLabels } from "../runtime/models/labels.js";
import { teacherOrder } from "./core/classes.js";
import { expectNotInterrupted } from "./core/interruption.js";
import { parseTeacherAddress } from "./teacher-address.js";
import { checkTeacherSize, type Teacher, type TeacherOptions } from "./teacher-contract.js";

export interface RemoteTeacherOptions extends Omit<TeacherOptions, "batchSize"> {
  /** Seconds that the server has for each answer. */
  timeoutSeconds: number;
  /** The run was asked to stop: ends a wait for the server at once. */
  signal: AbortSignal;
  /** Receives a sentence when a call failed and is tried again. */
  onNotice(text: string): void;
  /** Milliseconds before the second try. Default 2,000. */
  retryMs?: number;
}

/** A server that restarts listens again within seconds. */
const RETRY_MS = 2_000;

/** One request is computed while the next one is on its way. */
const IN_FLIGHT = 2;

/** Of a server that states neither: what `vitrine serve` runs at once, and gRPC's default limit of a message. */
const DEFAULT_IMAGES = 8;
const DEFAULT_MESSAGE_BYTES = 4 << 20;
/** Names, shapes and lengths around the pixels of a request. */
const MESSAGE_OVERHEAD_BYTES = 4096;

/** Failures after which another try may succeed. */
const TRANSIENT: readonly ErrorCode[] = [
  "network/unavailable",
  "network/deadline",
  "network/draining",
  "network/queue-full",
  "network/resource-exhausted",
  "network/internal",
  "network/failed",
  "device/lost",
];

const isTransient = (error: unknown): error is VitrineError =>
  isVitrineError(error) && TRANSIENT.includes(error.code);

/** A server that cannot be used as a teacher. */
function refused(path: string, reason: string): VitrineError {
  return new VitrineError("training/teacher-server", `${quote(path)}: ${reason}`, {
    details: { teacher: path },
  });
}

function gone(path: string, { message, code }: VitrineError): VitrineError {
  return new VitrineError(
    "training/teacher-server",
    `${quote(path)}: the teacher's server did not answer twice in a row (${message}): start it again with the same ` +
      "model (vitrine serve), or give the address where it is now with --teacher",
    { details: { teacher: path, reason: code } },
  );
}

/** A list of so many names is not made for a server that claims more. */
const MOST_CLASSES = 1_000_000;

interface Tensors {
  classes: number;
  /** Side of the images; −1: any. */
  imageSize: number;
}

/**
 * The tensors that a teacher needs, in the server's own description of its model. `vitrine serve` lists the input for
 * picture files, and takes pixels of the size that it states under the same name.
 */
function teacherTensors({ inputs, outputs, properties }: ModelMetadata, path: string): Tensors {
  const size = positive(properties[PROPERTY.imageSize], 0);
  const own = size > 0 ? { shape: [-1, size, size, 3] } : undefined;
  const pixels = inputs.find(({ name, datatype }) => name === "pixels" && datatype === "UINT8") ?? own;
  const logits = outputs.find(({ name, datatype }) => name === "logits" && datatype === "FP32");
  const [imageSize = 0, classes = 0] = [pixels?.shape[1], logits?.shape[1]];
  const isClassifier = classes > 0 && classes <= MOST_CLASSES && logits?.shape.length === 2;
  if (pixels?.shape.length === 4 && pixels.shape[3] === 3 && isClassifier) return { imageSize, classes };
  const found = [...inputs, ...outputs].map(
    ({ name, datatype, shape }) => `${quote(name)} ${quote(datatype)} [${shape.join(", ")}]`,
  );
  throw refused(
    path,
    "a teacher's server takes pixels UINT8 [-1, size, size, 3] and returns logits FP32 [-1, classes]; this one has " +
      found.slice(0, 8).join(", "),
  );
}

function positive(text: string | undefined, otherwise: number): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : otherwise;
}

/** Images of a request: what the server runs at once, and takes as one message. */
function requestImages({ properties }: ModelMetadata, imageBytes: number): number {
  const images = positive(properties[PROPERTY.maxBatch], DEFAULT_IMAGES);
  const bytes = positive(properties[PROPERTY.maxMessageBytes], DEFAULT_MESSAGE_BYTES);
  return Math.max(1, Math.min(images, Math.floor((bytes - MESSAGE_OVERHEAD_BYTES) / imageBytes)));
}

/** Digest of the weights; of a server that does not state it, of what it says about its model. */
function identity({ properties, name, versions, inputs, outputs, labels }: ModelMetadata): string {
  const stated = properties[PROPERTY.weightsDigest];
  if (stated !== undefined && /^[0-9a-f]{64}$/.test(stated)) return stated;
  const description = JSON.stringify({ name, versions, inputs, outputs, labels });
  return createHash("sha256").update(description).digest("hex");
}

/** Throws `training/teacher-server` where the server does not answer, is not ready, or has other tensors. */
async function describedModel(client: InferenceClient, { path, signal }: RemoteTeacherOptions) {
  if (!(await client.ready({ signal })))
    throw refused(
      path,
      "the server is not ready: it is loading its model or stopping; try again once it serves",
    );
  const metadata = await client.metadata({ signal });
  return { metadata, ...teacherTensors(metadata, path) };
}

class RemoteTeacher {
  readonly #client: InferenceClient;
  readonly #options: RemoteTeacherOptions;

  constructor(options: RemoteTeacherOptions) {
    const { server, model } = parseTeacherAddress(options.path);
    this.#options = options;
    this.#client = connectInference(server, {
      ...(model !== "" && { model }),
      deadlineMs: 1000 * options.timeoutSeconds,
    });
  }

  async open(): Promise<Teacher> {
    const { path, labels, classesBy, imageSize } = this.#options;
    const described = await this.#twice(() => describedModel(this.#client, this.#options));
    const { metadata, classes } = described;
    if (described.imageSize !== -1) checkTeacherSize(described.imageSize, this.#options);
    const own = metadata.labels.length === classes ? metadata.labels : defaultLabels(classes);
    const order = teacherOrder(labels, own, path, classesBy);
    const imageBytes = imageSize * imageSize * 3;
    const images = requestImages(metadata, imageBytes);
    const sha256 = identity(metadata);
    const answer = async (pixels: Uint8Array, count: number) => {
      await this.#expectModel(sha256);
      return this.#answer(pixels, count, { images, imageBytes, classes, order });
    };
    return {
      sha256,
      description: `${quote(path)} on ${quote(metadata.platform)}, ${counted(classes, "class", "classes")}, up to ${counted(images, "image", "images")} a request`,
      logits: (pixels, count) => this.#twice(() => answer(pixels, count)),
      onDevice: null,
      dispose: () => this.close(),
    };
  }

  close(): void {
    this.#client.close();
  }

  /**
   * A call, and after a failure that may pass a second one. Throws `training/teacher-server`, and where `signal` ended
   * the wait `training/interrupted`.
   */
  async #twice<Result>(call: () => Promise<Result>): Promise<Result> {
    const { path, signal, onNotice, retryMs = RETRY_MS } = this.#options;
    try {
      try {
        return await call();
      } catch (error) {
        if (!isTransient(error)) throw error;
        onNotice(`${quote(path)}: ${error.message}; trying once more in ${retryMs / 1000} s`);
      }
      await delay(retryMs, undefined, { signal });
      return await call();
    } catch (error) {
      expectNotInterrupted(signal);
      throw isTransient(error) ? gone(path, error) : error;
    }
  }

  /** A server that was restarted between two batches may have another model. Throws `checkpoint/teacher`. */
  async #expectModel(sha256: string): Promise<void> {
    const { path, signal } = this.#options;
    const found = identity(await this.#client.metadata({ signal }));
    if (found === sha256) return;
    throw new VitrineError(
      "checkpoint/teacher",
      `${quote(path)}: the server has another model than at the start of the run: serve that one again`,
      { details: { expected: sha256, found } },
    );
  }

  /** pixels uint8 [count, size, size, 3] → logits [count, classes], in the student's order of classes. */
  async #answer(pixels: Uint8Array, count: number, requests: Requests): Promise<Float32Array> {
    const { images, imageBytes, classes, order } = requests;
    const logits = new Float32Array(count * classes);
    let next = 0;
    const work = async () => {
      while (next < count) {
        const first = next;
        const rows = Math.min(images, count - first);
        next += rows;
        const bytes = pixels.subarray(first * imageBytes, (first + rows) * imageBytes);
        try {
          const answered = await this.#infer(bytes, rows, classes);
          logits.set(order === null ? answered : inOrder(answered, order), first * classes);
        } catch (error) {
          // The other requests of this batch are not worth sending.
          next = count;
          throw error;
        }
      }
    };
    // All settle before the pixels may be overwritten.
    const outcomes = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, work));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason;
    return logits;
  }

  async #infer(data: Uint8Array, rows: number, classes: number): Promise<Float32Array> {
    const { path, imageSize, signal } = this.#options;
    const shape = [rows, imageSize, imageSize, 3];
    const outputs = await this.#client.infer([{ name: "pixels", datatype: "UINT8", shape, data }], {
      outputs: ["logits"],
      signal,
    });
    const logits = outputs.get("logits");
    if (logits?.datatype !== "FP32" || logits.shape.join() !== `${rows},${classes}`)
      throw refused(
        path,
        `the server answered ${counted(rows, "image", "images")} without logits FP32 [${rows}, ${classes}]`,
      );
    // Of all numbers, only NaN and infinity minus themselves are not 0.
    if (!logits.data.every((value) => value - value === 0))
      throw refused(path, "the server answered with logits that are not finite numbers");
    return logits.data;
  }
}

interface Requests {
  /** Images of a request at most. */
  images: number;
  imageBytes: number;
  classes: number;
  /** For each class of the student the teacher's; null: the same. */
  order: Int32Array | null;
}

/** logits [rows, classes] → the same with their columns in another order. */
function inOrder(logits: Float32Array, order: Int32Array): Float32Array {
  const classes = order.length;
  return logits.map((_, place) => {
    const column = place % classes;
    return logits[place - column + order[column]];
  });
}

/**
 * Throws `training/teacher-server` where nothing answers twice, where the server is not ready or has other tensors,
 * `training/teacher-size`, `training/teacher-classes`, and the server's own errors, such as `protocol/unknown-model`.
 */
export async function connectTeacher(options: RemoteTeacherOptions): Promise<Teacher> {
  const teacher = new RemoteTeacher(options);
  try {
    return await teacher.open();
  } catch (error) {
    teacher.close();
    throw error;
  }
}
