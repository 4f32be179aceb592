// Page data set: labeled pictures of a page as a data set: the same classes, order and fingerprint that a folder of
// class folders with these files has.

import type { LocatedDataset } from "../../../runtime/batches/batch-maker.js";
import { byCodePoint } from "../../../runtime/batches/code-point-order.js";
import type { EvaluationDataset } from "../../../runtime/batches/evaluation-maker.js";
import { fingerprintHead, fingerprintLine } from "../../../runtime/batches/fingerprint-text.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import type { PictureLocation, SentPicture } from "./messages.js";

/** A sample table has this many; pictures of a page are few. */
const MOST_PICTURES = 100_000;
/** Bytes of a name in a file system. */
const LONGEST_NAME = 255;

export interface PageDataset extends LocatedDataset<PictureLocation>, EvaluationDataset<PictureLocation> {
  /** Class names in index order. */
  classes: string[];
}

function refuse(text: string): never {
  throw new VitrineError("usage/training", text);
}

function checkName(what: string, name: string): void {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes < 1 || bytes > LONGEST_NAME || name.startsWith(".") || name.includes("\0"))
    refuse(`${what} "${quote(name)}": allowed: 1 to ${LONGEST_NAME} bytes that do not start with a dot`);
}

/** Throws `usage/training` for names that a folder of class folders cannot have, and for two of the same. */
function checkPictures(pictures: readonly SentPicture[], what: string): void {
  if (pictures.length > MOST_PICTURES)
    refuse(`${what} has ${pictures.length} pictures; allowed: ${MOST_PICTURES}`);
  const seen = new Set<string>();
  for (const { label, name } of pictures) {
    checkName("class", label);
    if (label.includes("/")) refuse(`class "${quote(label)}": a slash is not allowed`);
    checkName("picture", name);
    const path = `${label}/${name}`;
    if (seen.has(path))
      refuse(
        `two pictures of class "${quote(label)}" are named "${quote(name)}": give each a name of its own`,
      );
    seen.add(path);
  }
}

async function sha256(text: string): Promise<string> {
  const { subtle } = globalThis.crypto;
  if (!subtle)
    throw new VitrineError(
      "device/unsupported",
      "a page trains only where it was loaded over https or from localhost: elsewhere browsers have no private files",
    );
  const digest = await subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * `classes`: in index order; by default those of the pictures, by code point. `what`: names the set in messages. Throws
 * `usage/training`, `device/unsupported` in an insecure context.
 */
export async function createPageDataset(
  pictures: readonly SentPicture[],
  what: string,
  classes: string[] = [...new Set(pictures.map(({ label }) => label))].sort(byCodePoint),
): Promise<PageDataset> {
  checkPictures(pictures, what);
  const indices = new Map(classes.map((name, index) => [name, index]));
  const foreign = pictures.find(({ label }) => !indices.has(label));
  if (foreign) refuse(`${what}: class "${quote(foreign.label)}" is not one of the pictures to train on`);
  const labelOf = ({ label }: SentPicture): number => indices.get(label) as number;
  const sorted = pictures
    .map((picture) => ({ ...picture, path: `${picture.label}/${picture.name}` }))
    .sort((a, b) => labelOf(a) - labelOf(b) || byCodePoint(a.path, b.path));
  const lines = sorted.map((picture) => {
    const { path, picture: file } = picture;
    return fingerprintLine({ key: JSON.stringify(path), size: file.size, label: labelOf(picture) });
  });
  return {
    path: what,
    samples: sorted.length,
    fingerprint: await sha256(fingerprintHead(classes) + lines.join("")),
    labels: Int32Array.from(sorted, labelOf),
    classes,
    locationAt: (index) => ({ name: sorted[index].path, picture: sorted[index].picture }),
    nameAt: (index) => sorted[index].path,
  };
}
