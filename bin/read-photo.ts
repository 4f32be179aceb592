// Read photo: a file that a person named on the command line, or one line that says why it cannot be read.

import { readFile } from "node:fs/promises";
import { VitrineError } from "../runtime/errors.js";

/** Throws `file/not-found`, `file/unreadable`. */
export async function readPhoto(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const details = { path: file };
    if (code === "ENOENT") throw new VitrineError("file/not-found", `${file}: no such file`, { details });
    if (code === "EISDIR")
      throw new VitrineError("file/unreadable", `${file}: a folder; name the photographs in it`, { details });
    throw new VitrineError("file/unreadable", `${file}: ${message}`, { details, cause });
  }
}
