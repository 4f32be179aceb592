// Teacher address: grpc://HOST:PORT/MODEL, a teacher that an inference server answers for, instead of a path.

import { checkAddress } from "../proto/address.js";
import { quote, VitrineError } from "../runtime/errors.js";

const SCHEME = "grpc://";

export interface TeacherAddress {
  /** HOST:PORT. */
  server: string;
  /** Name of the model; empty: the server's only one. */
  model: string;
}

/** Whether --teacher names a server, not files. */
export function isTeacherAddress(teacher: string): boolean {
  return teacher.startsWith(SCHEME);
}

/** Throws `usage/address`. */
export function parseTeacherAddress(teacher: string): TeacherAddress {
  const [server, ...names] = teacher.slice(SCHEME.length).split("/");
  try {
    checkAddress(server);
  } catch (cause) {
    const text = `--teacher got "${quote(teacher)}"; allowed: ${SCHEME}HOST:PORT/MODEL, or without /MODEL for a server's only one`;
    throw new VitrineError("usage/address", text, { details: { flag: "--teacher", got: teacher }, cause });
  }
  return { server, model: names.join("/") };
}
