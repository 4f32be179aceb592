// Entry names: what pictures are called in a shard, so that every program that reads WebDataset finds them: one dot in the
// last part of the name, behind it the ending of a picture format, and no two neighbors of one name.

import { isPictureFormat, pictureKind } from "../../../runtime/image/picture-format.js";
import { PICTURE_NAME } from "../file-names.js";

export interface EntryNames {
  /** Name of the picture's entry. Mostly the picture's own. */
  picture: Buffer;
  /** Name of the entry with its class index. */
  label: Buffer;
}

/** Endings by format, of pictures whose own name has none. */
const ENDINGS: Readonly<Record<string, string>> = { JPEG: "jpg", TIFF: "tif" };

function endingOf(bytes: Uint8Array): string {
  const kind = pictureKind(bytes);
  return isPictureFormat(kind) ? (ENDINGS[kind] ?? kind.toLowerCase()) : "jpg";
}

/** Part of a path: not hidden, not above. */
const safePart = (part: string): string => part.replace(/^\.+/, (dots) => "_".repeat(dots.length));

/** Gives the names of pictures in their order. */
export class EntryNamer {
  #lastKey = "";

  /** `name`: the picture's in its data set. `bytes`: its content. */
  next(name: Uint8Array, bytes: Uint8Array): EntryNames {
    // One character for each byte, of any encoding.
    const parts = Buffer.from(name)
      .toString("latin1")
      .split("/")
      .filter((part) => part !== "" && part !== ".");
    const own = parts.pop() ?? "_";
    const folder = parts.map((part) => `${safePart(part)}/`).join("");
    const dot = own.lastIndexOf(".");
    const isPicture = dot > 0 && PICTURE_NAME.test(own.slice(dot));
    const ending = isPicture ? own.slice(dot + 1) : endingOf(bytes);
    const base = safePart(isPicture ? own.slice(0, dot) : own).replaceAll(".", "_");
    let key = folder + base;
    for (let copy = 1; key === this.#lastKey; copy++) key = `${folder}${base}_${copy}`;
    this.#lastKey = key;
    return { picture: Buffer.from(`${key}.${ending}`, "latin1"), label: Buffer.from(`${key}.cls`, "latin1") };
  }
}
