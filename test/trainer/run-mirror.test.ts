// Run mirror: the process is killed before and after every single request of a commit, two owners write at once, and the
// bucket holds what nobody wrote. A reader finds the old run or the new one, never a mixture.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunBucket } from "../../trainer/bucket/run-bucket.js";
import { RunMirror } from "../../trainer/bucket/run-mirror.js";
import { refusal } from "../data/remote/refusal.js";

interface Context {
  parent: string;
  objects: Map<string, Uint8Array>;
}

const test = suite<Context>("run mirror");

class Killed extends Error {}

interface Memory extends RunBucket {
  count(): number;
}

/**
 * A store in memory, for a process that is killed at request `last`, before or after it has its effect: every later request
 * fails. `knows`: whether conditions have an effect.
 */
function memory(
  objects: Map<string, Uint8Array>,
  { last = Number.POSITIVE_INFINITY, after = false, knows = true } = {},
): Memory {
  let count = 0;
  const etagOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const request = async <T>(run: () => T): Promise<T> => {
    const now = count++;
    if (now > last || (now === last && !after)) throw new Killed();
    const result = run();
    if (now === last) throw new Killed();
    return result;
  };
  return {
    url: "s3://bucket/run",
    count: () => count,
    read: (name) =>
      request(() => {
        const bytes = objects.get(name);
        return bytes ? { bytes, etag: etagOf(bytes) } : null;
      }),
    write: (name, bytes, condition) =>
      request(() => {
        const found = objects.get(name);
        const isMet =
          condition === undefined ||
          (condition === "absent" ? !found : found !== undefined && etagOf(found) === condition.etag);
        if (knows && !isMet) return null;
        objects.set(name, bytes.slice());
        return { etag: etagOf(bytes) };
      }),
    remove: (name) => request(() => void objects.delete(name)),
    async *list(below) {
      yield* await request(() => [...objects.keys()].filter((name) => name.startsWith(below)).sort());
    },
  };
}

const FILES = ["last/model.safetensors", "last/state.json", "metrics.csv"];

function write(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const version = (name: string): Record<string, string> => ({
  ...Object.fromEntries(FILES.map((file) => [file, `${name} of ${file}`])),
  "config.yaml": "the same in all",
});

function read(folder: string): Record<string, string> {
  const names = (readdirSync(folder, { recursive: true }) as string[]).sort();
  return Object.fromEntries(
    names
      .filter((name) => name.includes("."))
      .map((name) => [name.replaceAll("\\", "/"), readFileSync(join(folder, name), "utf8")]),
  );
}

const quiet = (): void => {};

function mirrorOf(bucket: RunBucket, folder: string): RunMirror {
  mkdirSync(folder, { recursive: true });
  return new RunMirror({ bucket, folder, silenceMs: 50 });
}

/** What a new process on another machine finds. */
async function restored({ parent, objects }: Context): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(parent, "restored-"));
  objects.delete("lock");
  await mirrorOf(memory(objects), folder).open(true, quiet);
  objects.delete("lock");
  return read(folder);
}

/** A run with one commit, of `version("old")`. */
async function oldRun({ parent, objects }: Context): Promise<void> {
  const folder = join(parent, "old");
  const mirror = mirrorOf(memory(objects), folder);
  await mirror.open(false, quiet);
  write(folder, version("old"));
  await mirror.commit();
  await mirror.close();
  assert.not(existsSync(folder), "the bucket has all of it");
}

test.before.each((context) => {
  context.parent = mkdtempSync(join(tmpdir(), "vitrine-mirror-"));
  context.objects = new Map();
});

test.after.each(({ parent }) => rmSync(parent, { recursive: true, force: true }));

test("killed at any request, a continued run leaves the old checkpoint or the new one, and nothing else in the end", async (context) => {
  await oldRun(context);
  const before = new Map(context.objects);
  const seen = new Set<string>();
  for (const after of [false, true])
    for (let last = 0; ; last++) {
      context.objects = new Map(before);
      const folder = mkdtempSync(join(context.parent, "killed-"));
      const bucket = memory(context.objects, { last, after });
      const mirror = mirrorOf(bucket, folder);
      let isKilled = false;
      try {
        await mirror.open(true, quiet);
        write(folder, version("new"));
        await mirror.commit();
        await mirror.close();
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        isKilled = true;
      }
      const found = await restored(context);
      const name = found["last/state.json"]?.split(" ")[0] as string;
      assert.equal(found, version(name), `request ${last}, ${after ? "after" : "before"} its effect`);
      seen.add(name);
      // The next owner removes what no commit names.
      const next = mirrorOf(memory(context.objects), mkdtempSync(join(context.parent, "next-")));
      await next.open(true, quiet);
      await next.close();
      if (!isKilled && bucket.count() <= last) break;
    }
  assert.equal([...seen].sort(), ["new", "old"]);
});

test("what an earlier process left behind is removed with the first commit, and only that", async (context) => {
  await oldRun(context);
  context.objects.set("objects/dead-0003/last/model.safetensors", new Uint8Array(9));
  context.objects.set("notes.txt", new Uint8Array(9));
  const folder = join(context.parent, "next");
  const mirror = mirrorOf(memory(context.objects), folder);
  await mirror.open(true, quiet);
  write(folder, { "last/state.json": "a later one" });
  await mirror.commit();
  assert.not(context.objects.has("objects/dead-0003/last/model.safetensors"));
  assert.ok(context.objects.has("notes.txt"));
  const manifest = JSON.parse(Buffer.from(context.objects.get("run.json") as Uint8Array).toString());
  const named = Object.values(manifest.files as Record<string, { object: string }>).map(
    ({ object }) => object,
  );
  const found = [...context.objects.keys()].filter((name) => name.startsWith("objects/"));
  assert.equal(found.sort(), [...new Set(named)].sort(), "every object is named, and every name is there");
});

test("only files that changed are written, and equal files are one object", async (context) => {
  await oldRun(context);
  const folder = join(context.parent, "next");
  const mirror = mirrorOf(memory(context.objects), folder);
  await mirror.open(true, quiet);
  const kept = new Map(context.objects);
  write(folder, {
    "last/state.json": "a later one",
    "best/model.safetensors": version("old")[FILES[0] as string] as string,
  });
  await mirror.commit();
  const added = [...context.objects.keys()].filter((name) => !kept.has(name));
  assert.is(added.length, 1, added.join());
  assert.match(added[0] as string, /\/last\/state\.json$/);
  const requests = memory(context.objects);
  const unchanged = mirrorOf(requests, folder);
  context.objects.delete("lock");
  await unchanged.open(true, quiet);
  const opened = requests.count();
  await unchanged.commit();
  assert.is(requests.count(), opened, "nothing changed, nothing is asked");
});

test("of two owners, the one that commits second ends, and the other's run is whole", async (context) => {
  for (const knows of [true, false]) {
    context.objects.clear();
    await oldRun(context);
    const owner = (name: string) => {
      const folder = join(context.parent, `${name}-${knows}`);
      return { folder, mirror: mirrorOf(memory(context.objects, { knows }), folder) };
    };
    const first = owner("first");
    const second = owner("second");
    for (const { mirror } of [first, second]) {
      context.objects.delete("lock");
      await mirror.open(true, quiet);
    }
    write(first.folder, version("first"));
    write(second.folder, version("second"));
    await second.mirror.commit();
    const { code, message } = await refusal(first.mirror.commit());
    assert.is(code, "usage/run-in-use");
    assert.match(message, /another trainer has written this run meanwhile/);
    await first.mirror.close();
    assert.equal(await restored(context), version("second"));
    assert.ok(existsSync(first.folder), "what was not committed stays here");
  }
});

test("a commit whose answer was lost is found to be done", async (context) => {
  await oldRun(context);
  const store = memory(context.objects);
  const folder = join(context.parent, "next");
  const mirror = mirrorOf(
    {
      ...store,
      // The store's client repeats a write that it got no answer to.
      write: async (name, bytes, condition) => {
        if (name === "run.json") await store.write(name, bytes, condition);
        return store.write(name, bytes, condition);
      },
    },
    folder,
  );
  await mirror.open(true, quiet);
  for (const name of ["new", "newer"]) {
    write(folder, version(name));
    await mirror.commit();
  }
  await mirror.close();
  assert.equal(await restored(context), version("newer"));
});

test("a run that another process writes is refused; the lock of one that ended is taken over", async (context) => {
  await oldRun(context);
  const lock = (fields: object): void =>
    void context.objects.set(
      "lock",
      Buffer.from(
        JSON.stringify({ pid: process.pid, started: new Date().toISOString(), birth: null, ...fields }),
      ),
    );
  const open = () => {
    const folder = mkdtempSync(join(context.parent, "next-"));
    return mirrorOf(memory(context.objects), folder).open(true, quiet);
  };
  lock({ host: hostname() });
  assert.is((await refusal(open())).code, "usage/run-in-use");
  lock({ host: hostname(), pid: 2 ** 22 + 1 });
  assert.is((await refusal(open())).code, "none", "a process of this machine that is gone");
  lock({ host: "elsewhere" });
  assert.is((await refusal(open())).code, "none", "silent");
  lock({ host: "elsewhere" });
  const beat = setInterval(() => lock({ host: "elsewhere", started: `${performance.now()}` }), 5);
  const { code, message } = await refusal(open());
  clearInterval(beat);
  assert.is(code, "usage/run-in-use");
  assert.match(message, /^s3:\/\/bucket\/run: another trainer writes this run \(process \d+ on elsewhere/);
});

test("a new run does not replace one, and none is continued where none is", async (context) => {
  const folder = join(context.parent, "next");
  const missing = await refusal(mirrorOf(memory(context.objects), folder).open(true, quiet));
  assert.is(missing.code, "checkpoint/missing");
  assert.is(context.objects.size, 0, "nothing is left in the bucket");
  await oldRun(context);
  assert.is((await refusal(mirrorOf(memory(context.objects), folder).open(false, quiet))).code, "usage/out");
});

test("damaged objects and manifests that nobody wrote are typed errors, and name no file outside of the run", async (context) => {
  await oldRun(context);
  const { objects } = context;
  const manifest = JSON.parse(Buffer.from(objects.get("run.json") as Uint8Array).toString());
  const [[name, file]] = Object.entries(manifest.files as Record<string, { object: string }>) as [
    [string, { object: string }],
  ];
  const open = async () => {
    objects.delete("lock");
    const folder = mkdtempSync(join(context.parent, "next-"));
    return (await refusal(mirrorOf(memory(objects), folder).open(true, quiet))).code;
  };
  const whole = objects.get(file.object) as Uint8Array;
  objects.set(file.object, Buffer.from("x".repeat(whole.length)));
  assert.is(await open(), "checkpoint/state");
  objects.delete(file.object);
  assert.is(await open(), "checkpoint/incomplete");
  objects.set(file.object, whole);
  assert.is(await open(), "none");
  const odd: unknown[] = [
    "{",
    null,
    [],
    { ...manifest, format: 2 },
    { ...manifest, files: null },
    { ...manifest, session: "../x" },
    { ...manifest, files: { "../outside": file } },
    { ...manifest, files: { "/etc/passwd": file } },
    { ...manifest, files: { [name]: { ...file, bytes: -1 } } },
    { ...manifest, files: { [name]: { ...file, bytes: 2 ** 52 } } },
    { ...manifest, files: { [name]: { ...file, object: "notes.txt" } } },
    { ...manifest, files: { [name]: { ...file, object: "objects/../notes.txt" } } },
    { ...manifest, files: { [name]: { ...file, sha256: "" } } },
    { ...manifest, files: { [name]: null } },
  ];
  for (const value of odd) {
    objects.set("run.json", Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));
    assert.is(await open(), "checkpoint/state", JSON.stringify(value));
  }
});

test.run();
