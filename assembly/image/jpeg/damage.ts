// Damage: how scan data that does not reach its end is reported.

import { fail } from "../outcome";
import { Status } from "../status";
import { byteNear, stretchEnd } from "./bits";
import { metBadCode } from "./long-code";
import { fileEnd, offsetOf } from "./markers";
import { picture } from "./picture";

/** Truncated where the file's end is what ended the data, else corrupt; `rows` rows of pixels came before. */
export function describeDamage(p: u32, rows: u32): Status {
  if (stretchEnd >= fileEnd() && !metBadCode)
    return fail(Status.Truncated, offsetOf(fileEnd()), rows, picture.height);
  return fail(Status.CorruptScan, offsetOf(byteNear(p)), rows, picture.height);
}
