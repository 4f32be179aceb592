// Errors: the one class that every failure of Vitrine is reported with. Imports nothing.

/**
 * The room a code belongs to stands before the slash; callers match on the whole code, which never changes
 * its meaning between releases. Texts may.
 */
export type ErrorCode = `${ErrorRoom}/${string}`;

export type ErrorRoom =
  | "usage"
  | "file"
  | "jpeg"
  | "image"
  | "data"
  | "model"
  | "weights"
  | "graph"
  | "device"
  | "training"
  | "checkpoint"
  | "network"
  | "protocol"
  | "internal";

/** Facts a program may want without parsing the text: file names, byte offsets, limits, what was found. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * A failure with a stable `code`. The text says what, where, what was found, what is allowed, and which flag or
 * option changes it, in one line: the command line prints it as it is.
 */
export class VitrineError extends Error {
  readonly code: ErrorCode;
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

/** A GPU that went away: its memory is gone, another device of it may be had. */
export function isDeviceLost(error: unknown): boolean {
  return isVitrineError(error) && error.code === "device/lost";
}

/** The plain form in which an error crosses a thread or a wire. */
export interface ErrorRecord {
  code: ErrorCode;
  message: string;
  details: ErrorDetails;
}

/** error → what `fromErrorRecord` turns back into an equal error on the other side. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (isVitrineError(error)) return { code: error.code, message: error.message, details: error.details };
  const text = error instanceof Error ? error.message : String(error);
  return { code: "internal/unexpected", message: text, details: {} };
}

export function fromErrorRecord(record: ErrorRecord): VitrineError {
  return new VitrineError(record.code, record.message, { details: record.details });
}
