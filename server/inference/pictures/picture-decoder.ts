// Picture decoder: what an engine asks to have picture files decoded, apart from where that happens.

import { setImmediate as nextTurn } from "node:timers/promises";
import type { InputTransform } from "../../../runtime/image/input-transform.js";
import { pictureAbandoned, pictureExpired } from "./picture-failures.js";

export interface PictureJob {
  file: Uint8Array;
  /** How the picture becomes the model's input. */
  transform: InputTransform;
  /** Largest number of pixels that its header may claim; a larger JPEG is decoded at a smaller scale. */
  pixelLimit: number;
  /** Milliseconds that decoding may take. */
  timeoutMs: number;
  /** Jobs with a lower number go first. */
  priority: number;
  /** Milliseconds since 1970 after which it is not begun. */
  deadline: number;
  /** Who asks: the pictures of several callers are decoded in turn. */
  caller: string;
  /** The request: of the requests of one caller, pictures are decoded in turn, and those of one request in order. */
  owner: object;
  /** Called when decoding begins. */
  onStart(): void;
}

export interface PictureDecoder {
  /**
   * A picture file → the model's input, uint8 [size, size, 3]. Throws `jpeg/…` and `image/…`, `network/deadline` for a
   * job that was not begun in time, and `network/canceled` for one of an abandoned owner.
   */
  decode(job: PictureJob): Promise<Uint8Array>;
  /** Nobody waits for the owner's pictures any more: those not begun are dropped, long ones may be ended. */
  abandon(owner: object): void;
  /** Seconds until the last of `count` new pictures of a caller is expected to be decoded; 0 where nothing is known. */
  expectedSeconds(count: number, priority: number, caller: string): number;
}

/**
 * Decodes in the calling thread, one picture at a time, for models with a reader of their own, such as those of tests.
 */
export function decodeWith(read: (file: Uint8Array) => Uint8Array | Promise<Uint8Array>): PictureDecoder {
  const abandoned = new WeakSet<object>();
  let last: Promise<unknown> = Promise.resolve();
  const decode = async (job: PictureJob): Promise<Uint8Array> => {
    await nextTurn();
    if (abandoned.has(job.owner)) throw pictureAbandoned();
    if (Date.now() > job.deadline) throw pictureExpired();
    job.onStart();
    return read(job.file);
  };
  return {
    decode(job) {
      const decoded = last.then(() => decode(job));
      last = decoded.catch(() => {});
      return decoded;
    },
    abandon: (owner) => void abandoned.add(owner),
    expectedSeconds: () => 0,
  };
}
