// Commit folder: the process is killed before, and in the middle of, every single file operation of a commit.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  commitFolder,
  DISK,
  type DurableFiles,
  recoverFolder,
} from "../../trainer/checkpoint/commit-folder.js";

const test = suite<{ parent: string }>("commit folder");

const FILES = ["config.json", "model.safetensors", "state.json"];

class PowerLoss extends Error {}

/** A disk that works until operation `last`, which is not done or half done; every later one fails. */
function untilOperation(last: number, half: boolean): { files: DurableFiles; count: () => number } {
  let count = 0;
  const files = Object.fromEntries(
    Object.entries(DISK).map(([name, operation]) => [
      name,
      async (path: string, argument: Uint8Array) => {
        const now = count++;
        if (now > last) throw new PowerLoss();
        if (now === last) {
          if (half && name === "write") writeFileSync(path, argument.subarray(0, argument.length / 2));
          if (half && name === "removeFolder")
            rmSync(join(path, readdirSync(path)[0] ?? ""), { recursive: true });
          throw new PowerLoss();
        }
        return (operation as (...args: unknown[]) => Promise<unknown>)(path, argument);
      },
    ]),
  ) as unknown as DurableFiles;
  return { files, count: () => count };
}

function contents(version: string): Map<string, Uint8Array> {
  return new Map(FILES.map((name) => [name, new TextEncoder().encode(`${version} of ${name}`)]));
}

function read(parent: string): string[] {
  return FILES.map((name) => readFileSync(join(parent, "last", name), "utf8").split(" ")[0] as string);
}

test.before.each((context) => {
  context.parent = mkdtempSync(join(tmpdir(), "vitrine-commit-"));
});

test.after.each(({ parent }) => rmSync(parent, { recursive: true, force: true }));

test("a commit replaces all files and leaves nothing else", async ({ parent }) => {
  for (const version of ["first", "second", "third"]) {
    await commitFolder(DISK, parent, "last", contents(version));
    assert.equal(read(parent), [version, version, version]);
    assert.equal(readdirSync(parent), ["last"]);
  }
});

for (const half of [false, true]) {
  const how = half ? "in the middle of" : "before";
  test(`a crash ${how} any operation leaves a readable folder, and recovery the whole old or new one`, async () => {
    let operations = 0;
    let oldCount = 0;
    let newCount = 0;
    for (let last = 0; ; last++) {
      const parent = mkdtempSync(join(tmpdir(), "vitrine-commit-"));
      try {
        await commitFolder(DISK, parent, "last", contents("old"));
        const { files, count } = untilOperation(last, half);
        let crashed = false;
        try {
          await commitFolder(files, parent, "last", contents("new"));
        } catch (error) {
          if (!(error instanceof PowerLoss)) throw error;
          crashed = true;
        }
        operations = count();
        // A reader before the recovery finds every file, each of them complete.
        for (const version of read(parent)) assert.ok(version === "old" || version === "new", version);
        await recoverFolder(DISK, parent, "last");
        const found = new Set(read(parent));
        assert.is(found.size, 1, `operation ${last}: a mixture`);
        assert.equal(readdirSync(parent), ["last"], `operation ${last}: leftovers`);
        found.has("old") ? oldCount++ : newCount++;
        if (!crashed) break;
      } finally {
        rmSync(parent, { recursive: true, force: true });
      }
    }
    assert.ok(
      operations > 12 && oldCount > 5 && newCount > 5,
      `${operations} operations, ${oldCount} old, ${newCount} new`,
    );
  });
}

test("a crash in the first commit leaves nothing or the whole folder", async () => {
  for (let last = 0, done = false; !done; last++) {
    const parent = mkdtempSync(join(tmpdir(), "vitrine-commit-"));
    try {
      await commitFolder(untilOperation(last, true).files, parent, "last", contents("first")).then(
        () => {
          done = true;
        },
        (error) => assert.instance(error, PowerLoss),
      );
      if (readdirSync(parent).includes("last")) assert.equal(read(parent), ["first", "first", "first"]);
      await recoverFolder(DISK, parent, "last");
      assert.ok(["", "last"].includes(readdirSync(parent).join()));
    } finally {
      rmSync(parent, { recursive: true, force: true });
    }
  }
});

test("a crash during the recovery is recovered from too", async () => {
  for (let first = 0, complete = false; !complete; first++) {
    const parent = mkdtempSync(join(tmpdir(), "vitrine-commit-"));
    try {
      await commitFolder(DISK, parent, "last", contents("old"));
      await commitFolder(untilOperation(first, true).files, parent, "last", contents("new")).then(
        () => {
          complete = true;
        },
        () => {},
      );
      for (let second = 0, recovered = false; !recovered; second++)
        await recoverFolder(untilOperation(second, true).files, parent, "last").then(
          () => {
            recovered = true;
          },
          (error) => assert.instance(error, PowerLoss),
        );
      assert.is(new Set(read(parent)).size, 1);
      assert.equal(readdirSync(parent), ["last"]);
    } finally {
      rmSync(parent, { recursive: true, force: true });
    }
  }
});

test.run();
