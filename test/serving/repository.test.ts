// Repository: versions are loaded, replaced, refused and unloaded, and what serves is never taken away for what does not.

import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import {
  createRepository,
  type LiveRepository,
  type RepositoryOptions,
} from "../../server/inference/repository/live-repository.js";
import { modelRepositoryFolder } from "../../server/inference/repository/model-origin.js";
import { fakeOpener, PATIENT, repositoryFolder, weightsFile } from "./model-folder.js";

function setUp(options: Partial<RepositoryOptions> = {}) {
  const folder = repositoryFolder();
  const { open, opened } = fakeOpener();
  const said: string[] = [];
  const repository = createRepository({
    origin: modelRepositoryFolder(folder.path),
    open,
    control: "none",
    say: (text) => said.push(text),
    ...options,
  });
  return { folder, opened, said, repository };
}

const served = (repository: LiveRepository): string[] =>
  repository
    .index()
    .filter(({ state }) => state === "ready")
    .map(({ name, version }) => `${name}/${version}`);

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return isVitrineError(error) ? error.code : String(error);
  }
  return "nothing was thrown";
}

async function failure(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "nothing was thrown",
    (error) => error.code as string,
  );
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 400) assert.unreachable(`never: ${what}`);
    await delay(10);
  }
}

test("of each model the newest version is served, under its number", async () => {
  const { folder, repository } = setUp();
  for (const version of ["1", "2", "10"]) folder.add("a", version);
  folder.add("b", "3");
  await repository.start();
  assert.equal(served(repository), ["a/10", "b/3"]);
  assert.is(repository.find("a", "").facts.version, "10");
  assert.is(
    codeOf(() => repository.find("a", "2")),
    "protocol/unknown-model",
  );
  assert.is(
    codeOf(() => repository.find("c", "")),
    "protocol/unknown-model",
  );
  assert.equal(repository.versions("a"), ["10"]);
  await repository.close();
  folder.remove();
});

test("before the models are looked up and while they load, a request is refused as not ready", async () => {
  const { folder, repository } = setUp();
  folder.add("a", "1");
  assert.is(
    codeOf(() => repository.find("a", "")),
    "network/model-not-ready",
  );
  const states: string[] = [];
  repository.onChange(() => states.push(repository.index()[0]?.state ?? "none"));
  const started = repository.start();
  await started;
  assert.ok(states.includes("loading"), states.join());
  assert.is(states.at(-1), "ready");
  await repository.close();
  folder.remove();
});

test("a new version takes over from one find to the next; the old one is drained, then freed", async () => {
  const { folder, repository, opened } = setUp();
  folder.add("a", "1");
  await repository.start();
  const before = repository.find("", "");
  folder.add("a", "2");
  await repository.refresh();
  assert.is(repository.find("", "").facts.version, "2");
  assert.is((await before.infer({} as never)).count, 1, "who has just found the old one may still ask it");
  await until(() => opened[0]?.state === "closed", "the old version is freed");
  assert.is(opened[1]?.state, "serving");
  await repository.close();
  folder.remove();
});

test("a version whose files changed is loaded again, one that did not is not", async () => {
  const { folder, repository, opened } = setUp();
  folder.add("a", "1");
  folder.add("b", "1");
  await repository.start();
  await repository.refresh();
  assert.is(opened.length, 2);
  writeFileSync(join(folder.path, "a", "1", "config.json"), '{"changed": true}');
  await repository.refresh();
  assert.equal(opened.map(({ loadedFrom }) => loadedFrom.name).sort(), ["a", "a", "b"]);
  assert.equal(served(repository), ["a/1", "b/1"]);
  await repository.close();
  folder.remove();
});

test("a bad version is refused with its reason, said once, while the old one serves; a mended one is loaded", async () => {
  const { folder, repository, said } = setUp();
  folder.add("a", "1");
  await repository.start();
  const bad = folder.add("a", "2", '{"bad": true}');
  await repository.refresh();
  await repository.refresh();
  assert.is(repository.find("a", "").facts.version, "1");
  const status = repository.index().find(({ version }) => version === "2");
  assert.is(status?.state, "unavailable");
  assert.match(status?.reason ?? "", /^model\/config: .*bad/);
  assert.is(said.filter((text) => /version 2 is not served.*version 1 still serves/.test(text)).length, 1);
  writeFileSync(join(bad, "config.json"), "{}");
  await repository.refresh();
  assert.equal(served(repository), ["a/2"]);
  await repository.close();
  folder.remove();
});

test("at the start, the newest version that can be loaded serves", async () => {
  const { folder, repository } = setUp();
  folder.add("a", "1");
  folder.add("a", "2", '{"bad": true}');
  const failures = await repository.start();
  assert.equal(served(repository), ["a/1"]);
  assert.is(failures.size, 0);
  await repository.close();
  folder.remove();
});

test("a folder that is being written is not loaded until it is whole", async () => {
  const { folder, repository, said } = setUp();
  folder.add("a", "1");
  await repository.start();
  const next = join(folder.path, "a", "2");
  mkdirSync(next);
  await repository.refresh();
  writeFileSync(join(next, "model.safetensors"), weightsFile());
  await repository.refresh();
  writeFileSync(join(next, "config.json"), '{"ha');
  await repository.refresh();
  writeFileSync(join(next, "config.json"), "{}");
  truncateSync(join(next, "model.safetensors"), weightsFile().length - 3);
  await repository.refresh();
  assert.equal(served(repository), ["a/1"]);
  const reason = repository.index().find(({ version }) => version === "2")?.reason ?? "";
  assert.match(reason, /^model\/incomplete: .*model\.safetensors: \d+ of \d+ bytes are there/);
  assert.is(said.filter((text) => text.includes("model/incomplete")).length, 1, "said once");
  writeFileSync(join(next, "model.safetensors"), weightsFile());
  await repository.refresh();
  assert.equal(served(repository), ["a/2"]);
  await repository.close();
  folder.remove();
});

test("policies: the latest N, all, and named versions; a change of the settings is taken up", async () => {
  const { folder, repository } = setUp();
  for (const version of ["1", "2", "3"]) folder.add("a", version);
  folder.settings("a", "versions: {latest: 2}\nmax-batch: 4\n");
  await repository.start();
  assert.equal(served(repository), ["a/2", "a/3"]);
  folder.settings("a", "versions: [1, 3]\n");
  await repository.refresh();
  assert.equal(served(repository), ["a/1", "a/3"]);
  folder.settings("a", "versions: all\n");
  await repository.refresh();
  assert.equal(served(repository), ["a/1", "a/2", "a/3"]);
  folder.settings("a", "versions: newest\n");
  await repository.refresh();
  assert.equal(served(repository), ["a/1", "a/2", "a/3"], "settings that cannot be read change nothing");
  await repository.close();
  folder.remove();
});

test("settings reach the version that is opened", async () => {
  const { folder, repository, opened } = setUp();
  folder.add("a", "1");
  folder.settings("a", "max-batch: 4\nmax_queue: 9\npriority: -1\ndtype: int8\n");
  await repository.start();
  const { limits, priority, dtype } = opened[0]!.loadedFrom.settings;
  assert.equal([limits, priority, dtype], [{ maxBatch: 4, maxQueue: 9 }, -1, "int8"]);
  await repository.close();
  folder.remove();
});

test("poll: new versions, new models and removed models are noticed without a call", async () => {
  const { folder, repository } = setUp({ control: "poll", pollMs: 20 });
  folder.add("a", "1");
  await repository.start();
  folder.add(".incoming", "x");
  renameSync(folder.add(".staging", "2"), join(folder.path, "a", "2"));
  folder.add("b", "7");
  await until(() => served(repository).join() === "a/2,b/7", "a/2 and b/7 serve");
  folder.remove("b");
  await until(() => codeOf(() => repository.find("b", "")) === "protocol/unknown-model", "b is gone");
  assert.equal(served(repository), ["a/2"]);
  await repository.close();
  folder.remove();
});

test("links that lead nowhere are passed over, at the start and later, beside models and beside versions", async () => {
  const { folder, repository, opened } = setUp();
  folder.add("a", "1");
  symlinkSync("nowhere", join(folder.path, "ghost"));
  symlinkSync("loop", join(folder.path, "loop"));
  symlinkSync("nowhere", join(folder.path, "a", "9"));
  await repository.start();
  assert.equal(served(repository), ["a/1"]);
  folder.add("b", "1");
  await repository.refresh();
  assert.equal(served(repository), ["a/1", "b/1"]);
  assert.is(opened.length, 2);
  await repository.close();
  folder.remove();
});

test("a repository that cannot be read keeps what it serves, and says so once", async () => {
  const { folder, repository, said } = setUp();
  folder.add("a", "1");
  await repository.start();
  folder.remove();
  await repository.refresh();
  await repository.refresh();
  assert.equal(served(repository), ["a/1"]);
  assert.is(said.filter((text) => text.includes("are not looked at")).length, 1);
  await repository.close();
});

test("explicit control: nothing but what is asked for is loaded, and unloading frees it", async () => {
  const { folder, repository, opened } = setUp({ control: "explicit", initial: ["a"] });
  folder.add("a", "1");
  folder.add("b", "1");
  await repository.start();
  assert.equal(served(repository), ["a/1"]);
  assert.is(
    codeOf(() => repository.find("b", "")),
    "network/model-not-ready",
  );
  await repository.load("b", PATIENT);
  assert.equal(served(repository), ["a/1", "b/1"]);
  await repository.unload("a", PATIENT);
  assert.equal(served(repository), ["b/1"]);
  assert.is(opened[0]?.state, "closed", "when unload resolves, the model is freed");
  await repository.refresh();
  assert.equal(served(repository), ["b/1"], "what was unloaded stays so");
  assert.is(await failure(repository.load("../b", PATIENT)), "protocol/unknown-model");
  assert.is(await failure(repository.unload("c", PATIENT)), "protocol/unknown-model");
  await repository.close();
  folder.remove();
});

test("a load call whose newest version is bad fails with the reason; what served still does", async () => {
  const { folder, repository } = setUp({ control: "explicit", initial: ["a"] });
  folder.add("a", "1");
  await repository.start();
  folder.add("a", "2", '{"bad": true}');
  assert.is(await failure(repository.load("a", PATIENT)), "model/config");
  assert.is(await failure(repository.load("a", PATIENT)), "model/config", "each call tries again");
  assert.equal(served(repository), ["a/1"]);
  rmSync(join(folder.path, "a", "2"), { recursive: true });
  await repository.load("a", PATIENT);
  await repository.close();
  folder.remove();
});

test("a refresh says whether it changed anything; those that wait together are one", async () => {
  const { folder, repository } = setUp();
  folder.add("a", "1");
  await repository.start();
  assert.is(await repository.refresh(), "unchanged");
  folder.add("a", "2");
  const [first, second] = [repository.refresh(), repository.refresh()];
  assert.equal(await Promise.all([first, second]), ["changed", "changed"]);
  folder.add("a", "3", '{"bad": true}');
  assert.is(await repository.refresh(), "changed", "a version was refused");
  assert.is(await repository.refresh(), "unchanged");
  folder.remove();
  assert.is(await repository.refresh(), "unreadable");
  await repository.close();
});

test("a server that stops refuses orders that wait, and finishes the one that runs", async () => {
  const { folder, repository } = setUp({ control: "explicit" });
  folder.add("a", "1");
  folder.add("b", "1");
  await repository.start();
  const running = repository.load("a", PATIENT);
  const waiting = failure(repository.load("b", PATIENT));
  repository.settle();
  assert.is(await waiting, "network/draining");
  assert.is(await failure(repository.load("b", PATIENT)), "network/draining");
  await running.catch(() => {});
  await repository.close();
  folder.remove();
});

test("without explicit control, calls to load and unload are refused", async () => {
  const { folder, repository } = setUp();
  folder.add("a", "1");
  await repository.start();
  assert.is(await failure(repository.load("a", PATIENT)), "protocol/model-control");
  assert.is(await failure(repository.unload("a", PATIENT)), "protocol/model-control");
  await repository.close();
  folder.remove();
});

test.run();
