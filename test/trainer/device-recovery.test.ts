// Device recovery: a run that loses its GPU ends like one that did not, and gives up when devices are lost repeatedly.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Cursor } from "../../runtime/batches/batch-source.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import type { Host } from "../../runtime/host/host.js";
import { loadState } from "../../trainer/checkpoint/load.js";
import type { RuntimeRequest } from "../../trainer/core/run.js";
import { trainToEnd } from "../../trainer/device-recovery.js";
import { observedHost, webgpuOrSkip } from "../executors/webgpu-device.js";
import { checkpointFiles } from "./fake-checkpoints.js";
import { FakeSource, fakeValidation, silentProgress } from "./fake-run.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

const test = suite<{ folder: string; model: string }>("device recovery");

test.before(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-recovery-"));
  const config = tinyConfig({ depth: 1, distilled: false });
  context.model = await writeTinyModel(join(context.folder, "model"), config, ["a", "b", "c"], 1);
});

test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

interface Watched {
  out: string;
  model: string;
  host: Host;
  /** Called before each batch. */
  before?: (cursor: Cursor) => void;
}

function options({ out, model, host, before }: Watched) {
  const given = new Map<string, string | number | boolean>([
    ["--init", model],
    ["--batch-size", 4],
    ["--steps", 8],
    ["--lr", 1e-3],
  ]);
  const request = { out, resume: false, given, validation: "made", checkpointEvery: 3 };
  return {
    request: { ...request, device: "webgpu", gpuTier: null, threads: 1 },
    sources: {
      openRuntime: (choice: RuntimeRequest) => createRuntime({ ...choice, host, trains: true }),
      connect: async () => new FakeSource(before),
      openValidation: async () => fakeValidation(),
    },
    progress: silentProgress(),
    interruption: new AbortController().signal,
  };
}

async function failure(work: Promise<unknown>): Promise<VitrineError> {
  const outcome = await work.then(
    () => "it did not fail",
    (error: unknown) => error,
  );
  if (isVitrineError(outcome)) return outcome;
  throw outcome;
}

const at = (cursor: Cursor, step: number) => cursor.epoch * 5 + cursor.batch === step;

const found = await webgpuOrSkip();
if (found) {
  await found.dispose();

  test("a lost device costs the steps since the checkpoint: files and metrics are those of an undisturbed run", async ({
    folder,
    model,
  }) => {
    const undisturbed = join(folder, "undisturbed");
    await trainToEnd(options({ out: undisturbed, model, host: observedHost().host }));
    const { host, opened } = observedHost();
    const out = join(folder, "lost");
    let losses = 0;
    const before = (cursor: Cursor) => {
      if (at(cursor, 4) && losses++ === 0) opened.at(-1)?.destroy();
    };
    const disturbed = options({ out, model, host, before });
    const run = await trainToEnd(disturbed, 0);
    assert.ok(run.state.finished);
    assert.is(opened.length, 2);
    assert.equal(checkpointFiles(out), checkpointFiles(undisturbed));
    const curve = (path: string) => readMetrics(path).map(({ step, loss }) => [step, loss]);
    assert.equal(curve(out), curve(undisturbed));
    const output = disturbed.progress.lines.join("\n");
    assert.match(output, /device on .* was lost .*last holds step 3; continue with --resume/);
    assert.match(output, /continuing from step 3 in .*last on a new device, attempt 1 of 3/);
  });

  test("a device that is lost before the first checkpoint restarts the run", async ({ folder, model }) => {
    const { host, opened } = observedHost();
    const out = join(folder, "restarted");
    const watched = options({ out, model, host });
    const openValidation = async () => {
      if (opened.length === 1) opened[0]?.destroy();
      return fakeValidation();
    };
    await trainToEnd({ ...watched, sources: { ...watched.sources, openValidation } }, 0);
    assert.match(watched.progress.lines.join("\n"), /restarting on a new device, attempt 1 of 3/);
    assert.is((await loadState(out)).step, 8);
  });

  test("devices that are lost without a checkpoint in between end the run after three more", async ({
    folder,
    model,
  }) => {
    const { host, opened } = observedHost();
    const out = join(folder, "given-up");
    const before = (cursor: Cursor) => {
      if (at(cursor, 1)) opened.at(-1)?.destroy();
    };
    const error = await failure(trainToEnd(options({ out, model, host, before }), 0));
    assert.is(error.code, "device/lost");
    assert.match(error.message, /last holds step 0; continue with --resume/);
    assert.is(opened.length, 4);
  });

  test("a GPU that does not come back is waited for three times, then reported with how to continue", async ({
    folder,
    model,
  }) => {
    const { host, opened } = observedHost();
    const gone: Host = {
      ...host,
      gpu: async () => {
        if (opened.length === 0) return host.gpu();
        throw new VitrineError("device/unavailable", "no adapter was found");
      },
    };
    const before = (cursor: Cursor) => {
      if (at(cursor, 4)) opened[0]?.destroy();
    };
    const watched = options({ out: join(folder, "gone"), model, host: gone, before });
    const error = await failure(trainToEnd(watched, 0));
    assert.is(error.code, "device/unavailable");
    assert.match(error.message, /^no adapter was found \(.*last holds step 3; continue with --resume\)$/);
    assert.match(watched.progress.lines.at(-1) ?? "", /attempt 3 of 3/);
  });

  test.run();
}
