// File stamp: what changes it, and that it never throws.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileStamp } from "../../server/file-stamp.js";

const test = suite<{ folder: string }>("file stamp");

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-stamp-"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

test("content and permissions change it, reading does not", async ({ folder }) => {
  const file = join(folder, "server.key");
  writeFileSync(file, "a", { mode: 0o600 });
  const first = fileStamp(file);
  assert.is(fileStamp(file), first);
  // Two changes within a tick of the file system's clock are one to it.
  await delay(20);
  chmodSync(file, 0o644);
  const readable = fileStamp(file);
  if (process.platform !== "win32") assert.is.not(readable, first);
  await delay(20);
  writeFileSync(file, "b");
  assert.is.not(fileStamp(file), readable);
});

test("a file that is missing, or below a file, is a stamp and not an error", ({ folder }) => {
  const file = join(folder, "a");
  assert.is(fileStamp(file), "ENOENT");
  writeFileSync(file, "");
  assert.match(fileStamp(join(file, "b")), /^E[A-Z]+$/);
});

test.run();
