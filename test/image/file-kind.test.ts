// File kind: a file is what its first bytes say, whatever its name; what is not read is refused by its own name.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { decodePicture } from "../../runtime/image/picture.js";
import { isPictureFormat, pictureKind } from "../../runtime/image/picture-format.js";

const module = await createImageModule(nodeHost());

const FILES: [kind: string, start: string][] = [
  ["JPEG", "\xff\xd8\xff\xe0\0\x10JFIF"],
  ["PNG", "\x89PNG\r\n\x1a\n"],
  ["GIF", "GIF89a"],
  ["WebP", "RIFF\x10\0\0\0WEBPVP8 "],
  ["TIFF", "II*\0"],
  ["TIFF", "MM\0*"],
  ["BMP", "BM\x46\0"],
  ["PPM", "P6\n3 4\n255\n"],
  ["AVIF", "\0\0\0\x1cftypavif\0\0\0\0mif1avif"],
  ["AVIF", "\0\0\0\x1cftypmif1\0\0\0\0mif1avif"],
  ["HEIC", "\0\0\0\x18ftypheic\0\0\0\0mif1heic"],
  ["JPEG XL", "\xff\x0a\x01\x02"],
  ["JPEG 2000", "\0\0\0\x0cjP  \r\n\x87\n"],
  ["SVG", '<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg">'],
  ["SVG", "<svg width='1'/>"],
  ["PDF", "%PDF-1.7"],
];

async function refusal(run: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await run();
  } catch (error) {
    if (isVitrineError(error)) return error;
    throw error;
  }
  return assert.unreachable("nothing was refused") as never;
}

test("each kind is recognized; the decoder of JPEG files names it", async () => {
  for (const [kind, start] of FILES) {
    const file = Buffer.from(start, "latin1");
    assert.is(pictureKind(file), kind);
    if (kind === "JPEG") continue;
    const { code, message } = await refusal(() => decode(module, file, { name: "cat.jpg" }));
    assert.is(code, "jpeg/not-jpeg");
    assert.is(message, `cat.jpg: not a JPEG file but ${kind}`);
  }
});

test("a kind that is not read is refused by its name, with the way to convert it", async () => {
  for (const [kind, start] of FILES) {
    if (isPictureFormat(kind)) continue;
    const file = Buffer.from(start, "latin1");
    const { code, message } = await refusal(() => decodePicture(module, file, { name: "cat.jpg" }));
    assert.is(code, "image/unknown-format");
    assert.match(message, new RegExp(`^cat\\.jpg: ${kind} is not read: convert it first \\(.{10,}\\)$`));
  }
});

test("unrecognizable bytes are of no kind, and the error says what is read", async () => {
  for (const start of ["hello", "P7\n", "B", "\0\0\0\x18ftypmp42\0\0\0\0isom", "<html><svg>"])
    assert.is(pictureKind(Buffer.from(start, "latin1")), undefined);
  const { message } = await refusal(() => decodePicture(module, Buffer.from("hello")));
  assert.match(message, /^not a picture; pictures are JPEG, PNG, .* and PPM files$/);
  assert.match((await refusal(() => decodePicture(module, new Uint8Array(0)))).message, /empty/);
});

test.run();
