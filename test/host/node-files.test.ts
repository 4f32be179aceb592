// Files read whole: regular files up to a size, at once; a FIFO, a socket, a device and a folder are refused and never
// waited for, wherever the command line reads a file that the user names.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openResultsFile } from "../../bin/validate/results-file.js";
import { type ErrorCode, isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import {
  readFileIfAny,
  readFileIfAnySync,
  readStartSync,
  readWholeFile,
  readWholeFileSync,
} from "../../runtime/host/node-files.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { sampleNames } from "../../server/data/dataset.js";
import { runDecodeTask } from "../../server/data/decode-task.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { fileLocation } from "../../server/data/sample-location.js";
import { openMetrics } from "../../trainer/metrics.js";
import { lockRun } from "../../trainer/run-lock.js";
import { runVitrine } from "../data/server-process.js";

const test = suite<{ folder: string }>("node files");

test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-files-"));
});

test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const hasFifos = process.platform !== "win32";

function fifo(folder: string, name: string): string {
  const path = join(folder, name);
  execFileSync("mkfifo", [path]);
  return path;
}

async function refusal(run: () => unknown, code: ErrorCode): Promise<string> {
  try {
    await run();
  } catch (error) {
    assert.ok(isVitrineError(error), String(error));
    assert.is(error.code, code, error.message);
    return error.message;
  }
  assert.unreachable("it was read");
  return "";
}

test("a file of the limit's size is read, one byte more is refused with both numbers", async ({ folder }) => {
  const path = join(folder, "bytes");
  writeFileSync(path, Buffer.from([1, 2, 3, 4, 5]));
  const read = await readWholeFile(path, 5);
  assert.equal([...read], [1, 2, 3, 4, 5]);
  assert.is(read.buffer.byteLength, 5, "an array of its own");
  assert.equal([...readWholeFileSync(path, 5)], [1, 2, 3, 4, 5]);
  assert.equal([...readStartSync(path, 2)], [1, 2]);
  assert.equal([...readStartSync(path, 9)], [1, 2, 3, 4, 5]);
  for (const run of [() => readWholeFile(path, 4), () => readWholeFileSync(path, 4)])
    assert.match(await refusal(run, "file/unreadable"), /bytes: 5 bytes; .* at most 4 bytes$/);
  writeFileSync(path, "");
  assert.is((await readWholeFile(path, 5)).length, 0);
});

test("a missing file is null, or file/not-found with what it is for", async ({ folder }) => {
  const path = join(folder, "missing");
  assert.is(await readFileIfAny(path, 9), null);
  assert.is(readFileIfAnySync(path, 9), null);
  assert.match(
    await refusal(() => readWholeFile(path, 9, " (--x)"), "file/not-found"),
    /no such file \(--x\)$/,
  );
});

test("a folder, a device, a FIFO and a socket are refused by their kind", async ({ folder }) => {
  const inner = join(folder, "inner");
  mkdirSync(inner);
  const kinds: [path: string, kind: RegExp][] = [[inner, /a folder/]];
  const server = createServer();
  if (hasFifos) {
    const socket = join(folder, "socket");
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const link = join(folder, "link");
    symlinkSync("/dev/zero", link);
    kinds.push(
      [fifo(folder, "fifo"), /a FIFO/],
      [socket, /a socket/],
      ["/dev/zero", /a device/],
      [link, /a device/],
    );
  }
  try {
    for (const [path, kind] of kinds)
      for (const run of [
        () => readWholeFile(path, 100),
        () => readWholeFileSync(path, 100),
        () => readStartSync(path, 9),
      ])
        assert.match(await refusal(run, "file/unreadable"), kind);
  } finally {
    server.close();
  }
});

test("a file of unknown size is read up to the limit, and not beyond", async () => {
  if (process.platform !== "linux") return;
  const whole = await readWholeFile("/proc/self/maps", 1e6);
  assert.ok(whole.length > 0 && whole.length < 1e6);
  await refusal(() => readWholeFile("/proc/self/maps", 100), "file/unreadable");
});

test("a FIFO is not waited for: -c, --model, --init, --real-labels, photos, lists, RUN", async ({
  folder,
}) => {
  if (!hasFifos) return;
  const path = fifo(folder, "any.safetensors");
  const run = join(folder, "run");
  mkdirSync(join(run, "last"), { recursive: true });
  fifo(join(run, "last"), "state.json");
  const train = ["train", "--data-server", "127.0.0.1:1", "--out", join(folder, "out")];
  const commands: [args: string[], line: RegExp][] = [
    [[...train, "-c", path], /usage\/config: .*: a FIFO/],
    [
      [...train, "-c", join(folder, "gone.yaml")],
      /usage\/config: .*gone\.yaml: no such file \(-c, --config\)\n$/,
    ],
    [[...train, "--model", path], /file\/unreadable: .*: a FIFO/],
    [[...train, "--init", path], /file\/unreadable: .*: a FIFO/],
    [
      ["train", "--data-server", "127.0.0.1:1", "--resume", "--out", run],
      /file\/unreadable: .*state\.json: a FIFO/,
    ],
    [["report", run], /file\/unreadable: .*state\.json: a FIFO/],
    [["image", "decode", path, "--out", join(folder, "x.png")], /file\/unreadable: .*: a FIFO/],
    [["data", "digest", "--data", path], /file\/unreadable: .*: a FIFO/],
  ];
  for (const [args, line] of commands) {
    const { status, errors } = await runVitrine(args);
    assert.is(status, 1, args.join(" "));
    assert.match(errors, line);
  }
});

test("a FIFO among photos is none of them, and one that takes a photo's place is its fault", async ({
  folder,
}) => {
  if (!hasFifos) return;
  const root = join(folder, "photos");
  mkdirSync(join(root, "a"), { recursive: true });
  writeFileSync(join(root, "a", "1.jpg"), "x");
  const path = fifo(join(root, "a"), "2.jpg");
  const dataset = await openDataset(root);
  assert.equal(sampleNames(dataset), ["a/1.jpg"]);
  assert.is(dataset.otherFiles, 1);
  const module = await createImageModule(nodeHost());
  const task = { kind: "headers", locations: [fileLocation(path)] } as const;
  const [fault] = await runDecodeTask(module, task, new Uint8Array(0));
  assert.is(fault?.error.code, "file/unreadable");
});

test("a FIFO in place of the files of a run is refused at once", async ({ folder }) => {
  if (!hasFifos) return;
  const run = join(folder, "files");
  mkdirSync(run);
  const metrics = fifo(run, "metrics.csv");
  await refusal(() => openMetrics(metrics, 0, null), "file/unreadable");
  await refusal(() => openResultsFile(metrics, ["a"]), "file/unwritable");
  fifo(run, "lock");
  await refusal(() => lockRun(run), "file/unreadable");
});

test.run();
