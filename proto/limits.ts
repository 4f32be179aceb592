// Limits of the data service: what server and client both hold themselves to. Values only.

/** Images in one batch. */
export const MAX_BATCH_SIZE = 4_096;

/** Side of a training image in pixels. */
export const MAX_IMAGE_SIZE = 1_024;

/** Largest credit window: what a uint32 holds. */
export const MAX_CREDIT_BYTES = 2 ** 32 - 1;

/** protobuf's own bound on a message, which a batch must stay under. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

/** Seeds, epochs and batch indices travel as uint32. */
export const MAX_UINT32 = 2 ** 32 - 1;

/**
 * HTTP/2 window of the client. Measured on loopback with 9.6 MB messages: 390–920 MB/s with 16 MiB, 270–580 with
 * grpc-js's default of 64 KiB, and over an ocean the difference is a hundredfold.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 16 * 2 ** 20;

/**
 * Window that a client asks for by default: as many batches as fit in so many bytes, but two at least, and no more
 * than keep a consumer busy: what is made further ahead only takes the trainer's cores and is lost at its end.
 */
export const DEFAULT_CREDIT_BYTES = 64 * 2 ** 20;
export const DEFAULT_CREDIT_BATCHES = 8;
