// Readable pictures: files that are no pictures are left out before a run is planned, so that it counts only what it
// trains on. A picture that is damaged further on shows when it is decoded.

import { isVitrineError } from "../../../runtime/errors.js";
import { requirePictureFormat, START_BYTES } from "../../../runtime/image/picture-format.js";
import type { SentPicture } from "./messages.js";

/** Files that are read at a time. */
const AT_ONCE = 64;

/** Why a file is no picture; undefined for one of a format that is read. */
async function fault({ picture, label, name }: SentPicture): Promise<string | undefined> {
  const path = `${label}/${name}`;
  try {
    requirePictureFormat(new Uint8Array(await picture.slice(0, START_BYTES).arrayBuffer()), path);
    return undefined;
  } catch (error) {
    if (!isVitrineError(error)) throw error;
    return error.message;
  }
}

/** Those of `pictures` that are pictures by their first bytes, in order; `onLeftOut` is called for each of the others. */
export async function readablePictures(
  pictures: readonly SentPicture[],
  onLeftOut: (reason: string) => void,
): Promise<SentPicture[]> {
  const readable: SentPicture[] = [];
  for (let start = 0; start < pictures.length; start += AT_ONCE) {
    const some = pictures.slice(start, start + AT_ONCE);
    const faults = await Promise.all(some.map(fault));
    for (const [index, picture] of some.entries()) {
      const reason = faults[index];
      if (reason === undefined) readable.push(picture);
      else onLeftOut(reason);
    }
  }
  return readable;
}
