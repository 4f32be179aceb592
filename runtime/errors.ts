// Errors: the one class that every failure of Vitrine is reported with, all its codes, and how text from outside
// (names of files, tensors, classes) becomes part of a message. Imports nothing.

/**
 * Every code with its cause; docs/errors.md adds what to do. Callers match on the code, which never changes its
 * meaning between releases. Message texts may.
 */
export const ERROR_CODES = {
  "usage/address": "an address is neither HOST:PORT nor unix:PATH",
  "usage/bad-option": "an option has a value that its parser does not accept",
  "usage/browser": "`vitrine/browser` was called outside a browser",
  "usage/command-line":
    "the command line has an unknown command, flag or argument, or a combination that makes no sense",
  "usage/config": "a configuration file (`-c`) cannot be read, or has an unknown key or a wrong value",
  "usage/data-url": "a URL of a data set, or of an S3 endpoint, cannot be used",
  "usage/disposed": "the browser classifier or trainer was used after `dispose()`",
  "usage/dtype": "`--dtype` is none of f32, f16, bf16, int8",
  "usage/models":
    "the models of `vitrine serve` have equal names, names that cannot be used, or there are none",
  "usage/number": "an option that takes a number got something else, or one out of range",
  "usage/out": "`--out` cannot hold a new run: it holds one already, is not empty, or is not a folder",
  "usage/picture": "what was given to classify is no picture, or its pixels may not be read",
  "usage/rank": "a rank outside its world, or a world that does not divide the batch",
  "usage/recipe": "an augmentation setting is out of range",
  "usage/results-file": "the file that `--results-file` names has other columns",
  "usage/resume": "a flag contradicts a setting of the run that `--resume` continues",
  "usage/run-in-use": "another trainer writes the run in `--out`",
  "usage/tls": "certificates, keys or tokens that cannot be used, or would be sent without TLS",
  "usage/training": "training settings that cannot be combined, or neither `--model` nor `--init`",
  "file/exists": "the target of a command exists already",
  "file/not-found": "a file or folder does not exist",
  "file/unreadable": "a file exists but cannot be read",
  "file/unwritable": "a file cannot be written",
  "jpeg/corrupt": "a JPEG file contradicts the standard, or its scan data is damaged",
  "jpeg/not-jpeg": "the file is not a JPEG file; the text names its kind if it is a known one",
  "jpeg/too-large": "the header claims more pixels than allowed",
  "jpeg/too-many-scans":
    "a progressive file repeats so many scans that decoding it would exceed the work limit",
  "jpeg/truncated": "the file ends before its last row",
  "jpeg/unsupported-arithmetic": "the file uses arithmetic coding",
  "jpeg/unsupported-components": "the number of color components is not 1, 3 or 4",
  "jpeg/unsupported-hierarchical": "the file has a hierarchical frame",
  "jpeg/unsupported-lossless": "the file has a lossless frame",
  "jpeg/unsupported-precision": "the sample precision is not 8 bits",
  "jpeg/unsupported-sampling": "the decoder does not support the sampling factors",
  "image/bad-argument": "an argument of an image function is out of range",
  "image/buffer-too-small": "the output buffer is smaller than the result",
  "image/corrupt": "a picture file contradicts its format, or its data is damaged",
  "image/decode-timeout": "decoding a picture takes longer than the server allows",
  "image/out-of-memory": "a picture needs more memory than the image module may use",
  "image/size": "the images differ in size or number from what the model takes",
  "image/too-large": "a picture claims more pixels than allowed",
  "image/trap": "the image module stopped unexpectedly while processing a picture",
  "image/truncated": "a picture file ends before its last row",
  "image/unknown-format": "a file is no picture of a format that Vitrine reads",
  "image/unknown-operation": "an augmentation operation has an unknown name",
  "image/unreadable": "neither Vitrine nor the browser can decode the file",
  "image/unsupported": "a picture file uses a part of its format that Vitrine does not read",
  "data/bad-cursor": "a position (epoch, batch) is outside the data set",
  "data/bad-index": "an index of a data set is damaged, or of another version",
  "data/bad-key": "a number in a draw's key is out of range",
  "data/bad-list": "a CSV list cannot be read as `path,label`",
  "data/bad-place": "a position is outside an epoch's order",
  "data/bad-shard": "a shard of a data set is damaged, or has no samples",
  "data/batch-shape": "the data server sent batches of a different size than requested",
  "data/decode-timeout":
    "reading and decoding a file of the data set takes too long, in several threads in turn",
  "data/empty": "a data set has no images",
  "data/file-changed": "a file of a data set is not what it was when the data set was listed",
  "data/fingerprint-changed": "the data set is not the one that the run started with",
  "data/label-out-of-range": "a label is not below the number of classes",
  "data/labels": "the classes of a data set or model do not match those expected",
  "data/missing-file": "a file named in a CSV list does not exist",
  "data/no-class-folders": "the data folder has no class folders",
  "data/no-images": "there are no images, or none could be read",
  "data/opening": "the data server is still listing its files",
  "data/parquet": "Parquet files are damaged, have no pictures with labels, or are not packed into shards",
  "data/pool-closed": "decoding was requested after the decode pool was closed",
  "data/real-labels":
    "the file that `--real-labels` names does not list the classes of the data set's images",
  "data/server-full": "the data server has no memory or no place left for another stream",
  "data/too-few-samples": "the data set has fewer images than one batch",
  "data/worker-died": "decode threads died repeatedly while working on the same files",
  "model/batch-size": "batch sizes of an inference program are not whole numbers of at least 1",
  "model/config": "config.json or preprocessor_config.json is not valid, or describes an unsupported model",
  "model/dtype": "models of this family do not exist in the requested dtype",
  "model/incomplete": "a version's folder is still being written, or lacks a file",
  "model/memory": "the models of a server would take more memory than it may use",
  "model/no-model":
    "a folder has no weights: model.safetensors, the files of its index, or pytorch_model.bin",
  "model/not-finite": "a model answers NaN or infinity",
  "model/unknown": "`--model` is neither a file nor a published model's name",
  "model/unknown-file": "the file that `--model` names is not a weight file",
  "weights/average": "the moving average was asked for, but the file holds none",
  "weights/checksum": "the weights are not those whose checksum is known",
  "weights/duplicate-tensor": "two tensors of a model have the same name",
  "weights/float16": "a value does not fit into float16",
  "weights/missing-tensor": "a tensor that the model needs is not in the file",
  "weights/not-finite": "a tensor holds NaN or infinity",
  "weights/pickle-global":
    "a PyTorch file names a class or function that is not read, because it could run code",
  "weights/pointer": "the file is a Git LFS pointer, not the weights",
  "weights/safetensors": "the file is not a valid safetensors file",
  "weights/scale": "an int8 tensor has no scales, or not one scale per output",
  "weights/shape": "the shape of a tensor differs from what the model needs",
  "weights/torch": "the file is not a valid PyTorch file, or holds no tensors by name",
  "weights/unknown-tensor": "a tensor in the file does not belong to the model",
  "export/parity": "onnxruntime computes other logits from the exported file than the model has",
  "export/too-large": "the file would be larger than its format allows",
  "export/unsupported": "the model cannot be described in the requested format",
  "graph/disposed": "a program, store or device value was used after `dispose()`",
  "graph/input": "an input of a program is missing or unknown, or has the wrong shape or type",
  "graph/memory": "a program needs more memory than the device has",
  "graph/name": "two inputs or outputs of a graph have the same name",
  "graph/no-gradient": "the loss depends on no parameter, or an operation has no gradient",
  "graph/recompute": "an operation cannot be recomputed",
  "graph/shape": "an operation or store does not accept the shapes it got",
  "graph/unknown-store": "a program runs without a store that it reads, or with a store of another executor",
  "graph/unknown-tensor": "the graph or store has no tensor of this name or number",
  "device/disposed": "an executor was used after it was disposed of",
  "device/int8": "int8 is not computed on this device",
  "device/lost": "the GPU was reset, unplugged, or its driver failed",
  "device/memory": "the device has too little memory",
  "device/relaxed-simd": "the run was started with fused multiply-add, which this engine does not have",
  "device/self-check": "the GPU computed wrong numbers in its self-check",
  "device/thread": "a compute thread died",
  "device/threads": "the requested number of threads is not available here",
  "device/tier": "`--gpu-tier` is not a tier of this GPU",
  "device/unavailable": "the device does not exist here, or an optional package is missing",
  "device/unknown": "`--device` is not a device",
  "device/unsupported": "this device does not support the operation or call",
  "training/ema": "the moving average was requested, but the run does not keep one",
  "training/failed": "the trainer process of `vitrine start` exited with an error",
  "training/interrupted": "the run was stopped by a signal",
  "training/not-finite": "the loss or the gradient is not a finite number",
  "training/pieces": "`--accumulate` does not divide `--batch-size`",
  "training/step": "an optimizer step is below 1 (library)",
  "training/teacher-classes":
    "teacher and student have different classes, or the teacher's files have no class names",
  "training/teacher-server":
    "the server of a remote teacher does not answer, is not ready, or has no tensors of a classifier",
  "training/teacher-size": "teacher and student take images of different sizes",
  "checkpoint/fused-multiply-add": "the engine cannot reproduce the last bits of the run",
  "checkpoint/incomplete": "a file of the checkpoint is missing",
  "checkpoint/missing": "`--resume` was given, but there is no checkpoint",
  "checkpoint/state": "state.json is damaged, or of another version",
  "checkpoint/teacher": "`--teacher` is not the teacher that the run started with",
  "network/address-in-use": "another process listens on the address",
  "network/canceled": "the caller canceled the request",
  "network/cannot-listen": "the server cannot listen on the address",
  "network/closed": "the connection was closed by this side",
  "network/cut": "a download was cut again and again",
  "network/data-server-gone": "the data server has not answered for longer than `--data-timeout`",
  "network/deadline": "a request took longer than its deadline",
  "network/draining": "the server is shutting down",
  "network/failed": "a call failed with a gRPC status that has no error code here",
  "network/forbidden": "an object store or web server refuses access to a data set or a run",
  "network/http": "an HTTP server answered with an error",
  "network/internal": "the server or a proxy in front of it reported an internal error",
  "network/model-not-ready": "the server knows the model, but has no version of it that is ready",
  "network/no-data-server": "no data server answers at the address",
  "network/not-a-data-server": "another kind of server answers at the address",
  "network/not-allowed": "the server's token for inference does not allow to load and unload models",
  "network/overloaded": "the requests before it leave a request no time until its deadline",
  "network/queue-full": "the server has as many requests waiting as it accepts",
  "network/range": "a web server does not send the part of a file that it was asked for",
  "network/rate-limited": "a client makes more requests a second than the server accepts from one",
  "network/resource-exhausted": "the server refused the request because of a limit on size or number",
  "network/s3-package": "the optional package for S3 is not installed",
  "network/server-stopping": "the data server is stopping",
  "network/stream-ended": "the client ended the stream of batches",
  "network/tls": "no TLS connection can be made: what one side sent, the other does not accept",
  "network/too-large": "a server's file is larger than what is read here",
  "network/unauthenticated": "the server does not accept the token, or asks for one",
  "network/unavailable": "the server cannot be reached, or ended the connection",
  "network/unreachable": "an HTTP request got no answer",
  "protocol/answer": "the server's answer does not match the request",
  "protocol/bad-batch": "a batch message is malformed",
  "protocol/bad-open": "the first message of a stream is not a valid Open",
  "protocol/bad-recipe": "a recipe on the wire has unknown or malformed fields",
  "protocol/bad-request": "a message after the first of a stream is not Credit",
  "protocol/credit-overflow": "a client returned more credit than it had used",
  "protocol/credit-too-small": "one batch is larger than the credit window",
  "protocol/failed-precondition": "the server refused the request in its current state",
  "protocol/invalid-argument": "the server refused an argument",
  "protocol/malformed": "a message cannot be decoded",
  "protocol/media-type": "a request's body has a type or a compression that the server does not read",
  "protocol/message-size": "a message is larger than the receiver accepts",
  "protocol/method-not-allowed": "the path exists, but not for this HTTP method",
  "protocol/model-control": "the server does not load or unload models on request",
  "protocol/not-found": "the server does not know what was requested",
  "protocol/parameter": "a parameter of a request is unknown, or has a value that is not allowed",
  "protocol/tensor": "an input or output tensor has the wrong name, type, shape or size",
  "protocol/unexpected-batch": "the data server sent a batch other than the next one",
  "protocol/unimplemented": "the server does not implement this call, or what a parameter asks for",
  "protocol/unknown-model": "the server has no model of this name or version",
  "protocol/unknown-service": "a health check named a service that does not exist",
  "collective/facts": "a rank of a run differs from rank 0 in something that must be the same on all ranks",
  "collective/finished": "rank 0 has finished the run, and this rank was not in its last group",
  "collective/mismatch": "ranks of a run disagree about what they compute together",
  "collective/peer-joined": "another rank came to the run: the group forms again",
  "collective/peer-left": "another rank of the run left it",
  "collective/peer-lost": "another rank of the run ended, cannot be reached, or is silent",
  "collective/state": "the state that another rank sent is damaged, or larger than allowed",
  "collective/timeout": "rank 0 does not answer, or the ranks wait too long for one of them",
  "collective/world": "the number of ranks of a run does not divide the pieces of its batch",
  "hub/answer": "the Hub's answer is not one that a Hub gives",
  "hub/checksum": "a downloaded file is not the one that the Hub describes",
  "hub/not-found": "the Hub has no such repository, revision or weights",
  "hub/offline": "HF_HUB_OFFLINE is set, and the model is not in the cache",
  "hub/reference": "a model reference is neither hf:OWNER/NAME nor timm:NAME",
  "hub/settings": "an environment variable for the Hub has a value that cannot be used",
  "hub/space": "the disk of the cache has too little free space for a model",
  "hub/too-large": "a file of the repository is larger than what is read here",
  "hub/unauthorized": "the repository is private or gated, or does not exist",
  "hub/unreachable": "the Hub does not answer",
  "internal/bytecode": "the kernels do not know an instruction of the program",
  "internal/child": "a server process of `vitrine start` exited before it was listening",
  "internal/credit": "two readers wait for the same credit",
  "internal/kernels": "a compute kernel is missing, or was rejected by the driver",
  "internal/memory": "a decode thread got memory that is not shared",
  "internal/placement": "a tensor has no memory assigned",
  "internal/unexpected": "an error that has no code of its own",
  "internal/webgpu": "the GPU driver rejected a command, or a kernel's bindings are inconsistent",
  "internal/worker": "the browser classifier's worker failed",
} as const;

/**
 * The stable name of a failure, `area/cause`. docs/errors.md lists every code with its cause and what to do. A
 * release may add codes; none changes its meaning.
 */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts a program may want without parsing the text: file names, byte offsets, limits, what was found. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * A failure with a stable `code`. The message says what, where, what was found, what is allowed, and which flag or
 * option changes it, in one line: the command line prints it as it is. Names that come from outside go through
 * `quote`.
 */
export class VitrineError extends Error {
  /** What went wrong: match on this, not on the message. */
  readonly code: ErrorCode;
  /** Facts of this failure; which ones there are depends on the code. */
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "VitrineError";
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** True for errors of ours, also for one that crossed a thread as a structured clone and lost its class. */
export function isVitrineError(error: unknown): error is VitrineError {
  return (
    error instanceof VitrineError ||
    (error instanceof Error &&
      typeof (error as { code?: unknown }).code === "string" &&
      error.name === "VitrineError")
  );
}

/** A GPU that was reset or unplugged: its memory is lost, but the same GPU may be opened again. */
export function isDeviceLost(error: unknown): boolean {
  return isVitrineError(error) && error.code === "device/lost";
}

/** The plain form in which an error crosses a thread or a wire. */
export interface ErrorRecord {
  code: ErrorCode;
  message: string;
  details: ErrorDetails;
}

/** error → plain values, from which `fromErrorRecord` makes an equal error on the other side. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (isVitrineError(error)) return { code: error.code, message: error.message, details: error.details };
  const text = error instanceof Error ? error.message : String(error);
  return { code: "internal/unexpected", message: text, details: {} };
}

export function fromErrorRecord(record: ErrorRecord): VitrineError {
  return new VitrineError(record.code, record.message, { details: record.details });
}

/** Bytes of a quoted name in a message: gRPC trailers hold 8 KB in most clients, and a terminal line far less. */
const QUOTED_BYTES = 200;

const ELLIPSIS = "…";

/** Control characters, line separators, lone surrogates, and marks that reorder the text around them. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text with what a terminal would obey instead of showing written as `\n`, `\u001b`, …: one line, no escape codes. */
export function escapeControls(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => SHORT_ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Text of at most `bytes` bytes of UTF-8: cut between two characters, with `…` in place of the rest. */
export function fitText(text: string, bytes: number): string {
  const encoder = new TextEncoder();
  // No character takes more than three bytes a UTF-16 unit, so most texts need no encoding.
  if (text.length * 3 <= bytes || encoder.encode(text).length <= bytes) return text;
  let used = encoder.encode(ELLIPSIS).length;
  let kept = "";
  for (const character of text) {
    used += encoder.encode(character).length;
    if (used > bytes) break;
    kept += character;
  }
  return kept + ELLIPSIS;
}

/**
 * A name from outside (file, tensor, class, model) as an error message shows it: control characters escaped, at most
 * 200 bytes. Adds no quotation marks: `` `tensor "${quote(name)}" is missing` ``.
 */
export function quote(name: string): string {
  return fitText(escapeControls(name), QUOTED_BYTES);
}

/** A parsed value from outside as an error message shows it; `absent` stands for undefined, which has no JSON. */
export function quoteJson(value: unknown, absent = "absent"): string {
  try {
    return quote(JSON.stringify(value) ?? absent);
  } catch (error) {
    // JSON.parse reads brackets nested so deeply that JSON.stringify runs out of stack.
    if (error instanceof RangeError) return "a list or object nested too deeply to show";
    throw error;
  }
}
