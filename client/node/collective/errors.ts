// Errors of the collective: what ended a group, on the wire and as the error that everything pending rejects with.

import { Cause, type EndedMessage } from "../../../proto/collective-codec.js";
import { type ErrorCode, quote, VitrineError } from "../../../runtime/errors.js";

/** For each cause the code, and what the rank that is named does. */
const CAUSES: Readonly<Record<Cause, readonly [code: ErrorCode, verb: string]>> = {
  [Cause.CAUSE_LOST]: ["collective/peer-lost", "is lost"],
  [Cause.CAUSE_LEFT]: ["collective/peer-left", "left"],
  [Cause.CAUSE_JOINED]: ["collective/peer-joined", "waits to join"],
  [Cause.CAUSE_MISMATCH]: ["collective/mismatch", "does not fit"],
  [Cause.CAUSE_STALLED]: ["collective/timeout", "holds up the others"],
};

/** The error of a group that ended with this message. */
export function endedError({ cause, rank, address, text, generation }: EndedMessage): VitrineError {
  // Another version may know more causes.
  const [code, verb] = CAUSES[cause ?? Cause.CAUSE_LOST] ?? CAUSES[Cause.CAUSE_LOST];
  const where = address ? ` (${quote(address)})` : "";
  const who = cause === Cause.CAUSE_JOINED ? `another rank${where}` : `rank ${rank ?? 0}${where}`;
  return new VitrineError(code, `${who} ${verb}${text ? `: ${quote(text)}` : ""}`, {
    details: { rank: rank ?? 0, address: address ?? "", generation: generation ?? 0 },
  });
}

/** The error of a rank that rank 0 did without at the end. */
export const finishedThere = (): VitrineError =>
  new VitrineError("collective/finished", "rank 0 has finished the run; this rank was waiting for a group");

/** The error after which a trainer forms the group again. */
export const closedHere = (): VitrineError =>
  new VitrineError("network/closed", "this rank has left the run");
