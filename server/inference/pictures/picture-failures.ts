// Picture failures: errors about a picture that come from its thread or its place in the queue, not from its bytes.

import { VitrineError } from "../../../runtime/errors.js";

export function pictureTooSlow(milliseconds: number): VitrineError {
  const text =
    `decoding the picture takes longer than ${(milliseconds / 1000).toLocaleString("en-US")} s, which this server allows; ` +
    "send it smaller";
  return new VitrineError("image/decode-timeout", text, { details: { milliseconds } });
}

export function threadDied(reason: string): VitrineError {
  const text = `the thread that decoded the picture ended (${reason}); please report the file`;
  return new VitrineError("image/trap", text, { details: { reason } });
}

export function pictureExpired(): VitrineError {
  return new VitrineError("network/deadline", "the deadline passed before the picture was decoded");
}

export function pictureAbandoned(): VitrineError {
  return new VitrineError("network/canceled", "the caller canceled the request");
}

export function decoderClosed(): VitrineError {
  return new VitrineError("network/draining", "the server is stopping: use another one, or try again later");
}
