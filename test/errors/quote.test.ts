// Quoting: a name from outside can neither break the line of an error nor reach the terminal as a command.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { escapeControls, fitText, isVitrineError, quote } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode, readHeader } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";

const bytes = (text: string) => Buffer.byteLength(text);

test("control characters, line separators and bidirectional marks are written as escapes", () => {
  assert.is(escapeControls("a\u001b[31m\nb\t\r"), "a\\u001b[31m\\nb\\t\\r");
  assert.is(escapeControls("\u0000\u007f\u009b2J\u2028\u202e"), "\\u0000\\u007f\\u009b2J\\u2028\\u202e");
  assert.is(escapeControls("half \ud83d of a pair"), "half \\ud83d of a pair");
});

test("text without them is unchanged, emoji and combining characters included", () => {
  for (const text of ["blocks.0.attn.qkv.weight", "C:\\photos\\a.jpg", "Äpfel 👩‍👩‍👧 e\u0301", ""])
    assert.is(escapeControls(text), text);
});

test("fitText cuts between characters and never exceeds its bytes", () => {
  assert.is(fitText("abcdef", 6), "abcdef");
  assert.is(fitText("abcdefg", 6), "abc…");
  for (const text of ["é".repeat(200), "👩".repeat(200), `a${"€".repeat(200)}`])
    for (let limit = 3; limit < 60; limit++) {
      const cut = fitText(text, limit);
      assert.ok(bytes(cut) <= limit && bytes(cut) > limit - 4, `${limit}: ${bytes(cut)} bytes`);
      assert.ok(cut.endsWith("…") && text.startsWith(cut.slice(0, -1)), cut);
    }
});

test("a quoted name has at most 200 bytes, escapes included", () => {
  assert.is(bytes(quote("x".repeat(200))), 200);
  assert.is(bytes(quote("x".repeat(201))), 200);
  assert.ok(bytes(quote("\u001b".repeat(200))) <= 200);
  assert.ok(bytes(quote("€".repeat(1000))) <= 200);
});

test("an error about an image names it escaped and cut, and keeps the name as it is in its details", async () => {
  const module = await createImageModule(nodeHost());
  const subject = `\u001b[2Jphoto\n${"x".repeat(300)}.jpg`;
  const failures = [
    () => readHeader(module, new Uint8Array(0), { name: subject }),
    () => decode(module, Uint8Array.of(0xff, 0xd8, 0xff), { name: subject }),
    () => module.run(subject, ({ exports }) => exports.testInverseTransform(0, 0xfff0_0000, 0, 0, 63)),
  ];
  for (const [i, code] of ["jpeg/not-jpeg", "jpeg/truncated", "image/trap"].entries()) {
    assert.throws(failures[i], (error: unknown) => {
      if (!isVitrineError(error)) return false;
      assert.is(error.code, code);
      assert.match(error.message, /^\\u001b\[2Jphoto\\nx+…: [^\p{Cc}]+$/u);
      assert.ok(bytes(error.message) < 320, error.message);
      return error.details.subject === subject;
    });
  }
});

test("the command line prints one line without escape codes for a file named with ESC and a newline", () => {
  const vitrine = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
  const name = "\u001b]0;title\u0007\u001b[2Jphoto\n.jpg";
  const commands = [
    ["image", "decode", name, "--out", "x.png"],
    ["data-server", "--data", name],
    ["train", "--data-server", "127.0.0.1:1", "--out", "/tmp/none", "--model", name],
    [name],
  ];
  for (const command of commands) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [vitrine, ...command], {
      encoding: "utf8",
    });
    assert.is(status, 1, command.join(" "));
    assert.is(stdout, "");
    assert.match(stderr, /^vitrine: [a-z]+\/[a-z-]+: [^\p{Cc}]+\n$/u, command.join(" "));
  }
});

test.run();
