// Accepting a link: the sender's end of the call with which the next rank opens its link to this one.

import { Metadata } from "@grpc/grpc-js";
import { FRAME_BYTES, type LinkOpen, type LinkRequest } from "../../../proto/collective-codec.js";
import { toStatus } from "../../../proto/wire-error.js";
import { VitrineError } from "../../../runtime/errors.js";
import { AcceptedNext, type LinkCall } from "./links.js";
import type { Ring } from "./ring.js";

export interface LinkContext {
  /** The ring that the caller is the next rank of. Throws `collective/mismatch`. */
  ringOf(open: LinkOpen): Ring;
  onGone(ring: Ring, text: string): void;
  onMismatch(ring: Ring, text: string): void;
}

function checkWindow({ sumBytes, totalBytes }: LinkOpen): void {
  const least = Math.min(sumBytes ?? 0, totalBytes ?? 0);
  if (least >= FRAME_BYTES) return;
  throw new VitrineError(
    "collective/mismatch",
    `a window of ${least} bytes; allowed: ${FRAME_BYTES} or more`,
  );
}

/** `silenceMs`: for the first message as for all others. */
export function serveLink(call: LinkCall, silenceMs: number, context: LinkContext): void {
  let accepted: { ring: Ring; link: AcceptedNext } | null = null;
  const refuse = (error: unknown): void => {
    clearTimeout(limit);
    call.emit("error", toStatus(error, "collective"));
  };
  const late = (): void => refuse(new VitrineError("protocol/malformed", "the first message did not come"));
  const limit = setTimeout(late, silenceMs);
  const gone = (text: string): void => {
    clearTimeout(limit);
    if (!accepted || accepted.link.isClosed) return;
    accepted.link.close();
    context.onGone(accepted.ring, text);
  };
  const accept = (open: LinkOpen): void => {
    const ring = context.ringOf(open);
    checkWindow(open);
    const link = new AcceptedNext(call, open, silenceMs, (seconds) => gone(`silent for ${seconds} s`));
    clearTimeout(limit);
    accepted = { ring, link };
    // Says that the link is open.
    call.sendMetadata(new Metadata());
    ring.connectNext(link);
  };
  call.on("data", (request: LinkRequest) => {
    if (!accepted) {
      try {
        accept(request.open ?? {});
      } catch (error) {
        refuse(error);
      }
    } else if (accepted.link.credit(request)) accepted.ring.pump();
    else context.onMismatch(accepted.ring, "it returns more credit than it had used");
  });
  call.on("cancelled", () => gone("it ended the connection"));
  call.on("error", () => gone("the connection broke"));
  call.on("end", () => gone("it ended the connection"));
}
