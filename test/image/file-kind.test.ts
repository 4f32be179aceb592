// File kind: a picture of another format is refused with the name of that format.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode, foreignKind } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";

const FILES: [kind: string, start: string][] = [
  ["PNG", "\x89PNG\r\n\x1a\n"],
  ["GIF", "GIF89a"],
  ["WebP", "RIFF\x10\0\0\0WEBPVP8 "],
  ["TIFF", "II*\0"],
  ["TIFF", "MM\0*"],
  ["HEIC or AVIF", "\0\0\0\x18ftypheic"],
  ["BMP", "BM\x46\0"],
];

test("each kind is named in the error, with the file and what to do", async () => {
  const module = await createImageModule(nodeHost());
  for (const [kind, start] of FILES) {
    try {
      decode(module, Buffer.from(start, "latin1"), { name: "cat.jpg" });
      assert.unreachable();
    } catch (error) {
      if (!isVitrineError(error)) throw error;
      assert.is(error.code, "jpeg/not-jpeg");
      assert.is(error.message, `cat.jpg: not a JPEG file but ${kind}: convert it to JPEG first`);
    }
  }
});

test("a JPEG, and unrecognizable bytes, are of no other kind", () => {
  for (const start of ["\xff\xd8\xff\xe0\0\x10JFIF", "hello", "B", ""])
    assert.is(foreignKind(Buffer.from(start, "latin1")), undefined);
});

test.run();
