// Run lock: one trainer writes a run; a lock without a living owner blocks nobody.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";
import { lockRun } from "../../trainer/run-lock.js";

const test = suite<{ folder: string }>("run lock");

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-lock-"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

async function refusal(work: Promise<unknown>): Promise<VitrineError> {
  const outcome = await work.then(
    () => "nothing was refused",
    (error: unknown) => error,
  );
  if (isVitrineError(outcome)) return outcome;
  throw outcome;
}

const MODULE = new URL("../../trainer/run-lock.js", import.meta.url).href;

/** A process that takes the lock, says so, and does nothing else. */
function startOwner(folder: string) {
  const script = `import { lockRun } from ${JSON.stringify(MODULE)};
    await lockRun(process.argv[1]).then(() => console.log("taken"), ({ code }) => console.log(code));
    setTimeout(() => {}, 20_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, folder]);
  const said = once(child.stdout, "data").then(([chunk]) => String(chunk).trim());
  return { child, said };
}

test("a second trainer is refused while the first lives, and takes over at once after its kill -9", async ({
  folder,
}) => {
  const owner = startOwner(folder);
  assert.is(await owner.said, "taken");
  const error = await refusal(lockRun(folder));
  assert.is(error.code, "usage/run-in-use");
  assert.match(error.message, new RegExp(`process ${owner.child.pid} on .* since 20.*--out`));
  owner.child.kill("SIGKILL");
  await once(owner.child, "close");
  assert.ok(existsSync(join(folder, "lock")), "a killed process leaves its lock");
  const start = performance.now();
  const lock = await lockRun(folder);
  assert.ok(performance.now() - start < 1000);
  lock.release();
  assert.not.ok(existsSync(join(folder, "lock")));
});

test("a process that ended and is still listed, since its parent does not ask for it, has no lock", async ({
  folder,
}) => {
  if (process.platform !== "linux") return;
  // The shell becomes a program that knows of no children. The child ends after that, or the shell might ask for it.
  const parent = spawn("sh", ["-c", "exec 3<&0; cat <&3 >/dev/null & echo $!; exec sleep 20"]);
  try {
    const pid = Number(await once(parent.stdout, "data").then(([chunk]) => String(chunk)));
    while (readFileSync(`/proc/${parent.pid}/comm`, "latin1") !== "sleep\n") await delay(10);
    parent.stdin.end();
    const fields = () => readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
    while (fields()[0] !== "Z") await delay(10);
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const owner = {
      pid,
      host: hostname(),
      started: new Date().toISOString(),
      birth: `${boot} ${fields()[19]}`,
    };
    writeFileSync(join(folder, "lock"), JSON.stringify(owner));
    (await lockRun(folder)).release();
  } finally {
    parent.kill("SIGKILL");
  }
});

test("a lock that can no longer be removed, as on a disk that became read-only, ends no run with an error of its own", async ({
  folder,
}) => {
  const lock = await lockRun(folder);
  rmSync(join(folder, "lock"));
  mkdirSync(join(folder, "lock"));
  lock.release();
});

test("of several trainers that find a dead one's lock, exactly one takes it", async ({ folder }) => {
  const dead = {
    pid: 2 ** 22 + 1,
    host: hostname(),
    started: "2026-01-01T00:00:00Z",
  };
  writeFileSync(join(folder, "lock"), JSON.stringify({ ...dead, birth: null }));
  const owners = Array.from({ length: 5 }, () => startOwner(folder));
  try {
    const said = await Promise.all(owners.map((owner) => owner.said));
    assert.equal(said.sort(), ["taken", ...Array(4).fill("usage/run-in-use")]);
  } finally {
    for (const { child } of owners) child.kill("SIGKILL");
  }
});

test("a lock of a process whose number was given to another one is taken over", async ({ folder }) => {
  if (process.platform !== "linux") return;
  (await lockRun(folder)).release();
  const first = await lockRun(folder);
  const owner = JSON.parse(readFileSync(join(folder, "lock"), "utf8"));
  first.release();
  writeFileSync(join(folder, "lock"), JSON.stringify({ ...owner, birth: `${owner.birth}0` }));
  (await lockRun(folder)).release();
});

test("a lock of another machine counts as long as it is touched", async ({ folder }) => {
  const path = join(folder, "lock");
  const started = "2026-01-01T00:00:00Z";
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: "elsewhere", started, birth: null }));
  let touches = 0;
  const owner = setInterval(() => utimesSync(path, 1_000_000, 1_000_000 + ++touches), 100);
  const notices: string[] = [];
  const options = { silenceMs: 1200, onNotice: (text: string) => void notices.push(text) };
  try {
    const error = await refusal(lockRun(folder, options));
    assert.match(error.message, /on elsewhere since/);
  } finally {
    clearInterval(owner);
  }
  assert.match(notices[0] as string, /lock is held by process \d+ on elsewhere: watching for 1 s/);
  (await lockRun(folder, options)).release();
});

test("an empty or damaged lock is taken over once it stays as it is", async ({ folder }) => {
  for (const text of ["", '{"pid":', '{"pid":"1","host":"x","started":"","birth":null}', "null", "[1]"]) {
    writeFileSync(join(folder, "lock"), text);
    writeFileSync(join(folder, "lock.takeover"), "");
    (await lockRun(folder, { silenceMs: 50 })).release();
    rmSync(join(folder, "lock.takeover"), { force: true });
  }
});

test("a run folder that the lock created disappears with it where nothing was written", async ({
  folder,
}) => {
  const run = join(folder, "runs", "new");
  const lock = await lockRun(run);
  assert.ok(existsSync(join(run, "lock")));
  lock.release();
  assert.not.ok(existsSync(join(folder, "runs")));
  assert.ok(existsSync(folder), "what was there before stays");
  const used = await lockRun(run);
  writeFileSync(join(run, "metrics.csv"), "");
  used.release();
  assert.ok(existsSync(join(run, "metrics.csv")));
});

test("a folder that cannot be created is refused at once, also where mkdir would never return", async ({
  folder,
}) => {
  writeFileSync(join(folder, "file"), "");
  for (const path of [join(folder, "file"), join(folder, "file", "run"), "/proc/vitrine/run"]) {
    const error = await Promise.race([refusal(lockRun(path)), delay(5000)]);
    assert.is(error?.code, "usage/out", path);
  }
});

test.run();
