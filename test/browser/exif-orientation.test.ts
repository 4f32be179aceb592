// EXIF orientation: read where it stands, upright where the note is damaged, and turned as EXIF 2.3 draws it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { exifOrientation, turnUpright } from "../../client/browser/exif-orientation.js";

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** SOI, a comment, then APP1 with the TIFF block given. */
function withTiff(tiff: string): Uint8Array {
  const exif = `457869660000 ${tiff}`.replaceAll(" ", "");
  const length = (exif.length / 2 + 2).toString(16).padStart(4, "0");
  return hex(`ffd8 fffe0004abcd ffe1${length}${exif} ffda0002`);
}

const BIG = "4d4d002a00000008 0002 010f0002000000010000001a 011200030000000100060000 00000000";
const LITTLE = "49492a0008000000 0100 120103000100000008000000 00000000";

test("both byte orders, behind other segments and other entries", () => {
  assert.is(exifOrientation(withTiff(BIG)), 6);
  assert.is(exifOrientation(withTiff(LITTLE)), 8);
  const padded = new Uint8Array([9, 9, 9, ...withTiff(BIG)]);
  assert.is(exifOrientation(padded.subarray(3)), 6, "a view into a larger buffer");
});

test("no note, or one that is not sound, means upright", () => {
  assert.is(exifOrientation(hex("ffd8 ffdb0002 ffda0002")), 1);
  assert.is(exifOrientation(new Uint8Array(0)), 1);
  assert.is(exifOrientation(hex("89504e47")), 1);
  assert.is(exifOrientation(withTiff(LITTLE.replace("08000000 0", "09000000 0"))), 1, "9 is no orientation");
  assert.is(exifOrientation(withTiff(BIG.replace("00000008", "7fffffff"))), 1, "a directory beyond the file");
});

test("every prefix of a file is answered without an error", () => {
  for (const tiff of [BIG, LITTLE]) {
    const file = withTiff(tiff);
    for (let length = 0; length <= file.length; length++) {
      const said = exifOrientation(file.subarray(0, length));
      assert.ok(said === 1 || said === exifOrientation(file), `prefix of ${length} bytes: ${said}`);
    }
  }
});

/** The letters of a 2 × 2 picture, row by row, as pixels of three equal bytes. */
const picture = (letters: string) =>
  Uint8Array.from([...letters].flatMap((letter) => Array(3).fill(letter.charCodeAt(0))));

// EXIF 2.3: where the stored row 0 and column 0 lie in the upright picture, drawn out for upright "abcd".
const STORED: Record<number, string> = {
  1: "abcd",
  2: "badc",
  3: "dcba",
  4: "cdab",
  5: "acbd",
  6: "bdac",
  7: "dbca",
  8: "cadb",
};

for (const [orientation, stored] of Object.entries(STORED)) {
  test(`orientation ${orientation} is turned upright`, () => {
    assert.equal(turnUpright(picture(stored), 2, Number(orientation)), picture("abcd"));
  });
}

test.run();
