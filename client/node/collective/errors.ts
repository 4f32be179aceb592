// Errors of the collective: what ended a group, on the wire and as the error that everything pending rejects with.

import { Cause, type EndedMessage } from "../../../proto/collective-codec.js";
import { type ErrorCode, quote, VitrineError } from "../../../runtime/errors.js";

const CODES: Readonly<Record<Cause, ErrorCode>> = {
  [Cause.CAUSE_LOST]: "collective/peer-lost",
  [Cause.CAUSE_LEFT]: "collective/peer-left",
  [Cause.CAUSE_JOINED]: "collective/peer-joined",
  [Cause.CAUSE_MISMATCH]: "collective/mismatch",
  [Cause.CAUSE_STALLED]: "collective/timeout",
};

const VERBS: Readonly<Record<Cause, string>> = {
  [Cause.CAUSE_LOST]: "is lost",
  [Cause.CAUSE_LEFT]: "left",
  [Cause.CAUSE_JOINED]: "waits to join",
  [Cause.CAUSE_MISMATCH]: "does not fit",
  [Cause.CAUSE_STALLED]: "holds up the others",
};

/** The error of a group that ended with this message. */
export function endedError({ cause, rank, address, text, generation }: EndedMessage): VitrineError {
  const code = CODES[cause ?? Cause.CAUSE_LOST] ?? "collective/peer-lost";
  const where = address ? ` (${quote(address)})` : "";
  const who = cause === Cause.CAUSE_JOINED ? `another rank${where}` : `rank ${rank ?? 0}${where}`;
  const verb = VERBS[cause ?? Cause.CAUSE_LOST] ?? VERBS[Cause.CAUSE_LOST];
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
