// Settings of `vitrine serve`: flags over the environment over the file, in one table, printed as they are.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { serveDeviceOptions } from "../../bin/model-options.js";
import { addServeFlags, type ServeFlags } from "../../bin/serve/flags.js";
import { completeSettings, settingsText } from "../../bin/settings.js";

const folder = mkdtempSync(join(tmpdir(), "vitrine-settings-"));
test.after(() => rmSync(folder, { recursive: true }));

function settings(args: string[], environment: Record<string, string> = {}, yaml?: string) {
  const command = new Command("serve").exitOverride();
  addServeFlags(command, serveDeviceOptions());
  const file = join(folder, "serve.yaml");
  if (yaml !== undefined) writeFileSync(file, yaml);
  command.parse(yaml === undefined ? args : [...args, "-c", file], { from: "user" });
  const notices: string[] = [];
  completeSettings(command, (text) => notices.push(text), environment);
  return { flags: command.opts<ServeFlags>(), text: settingsText(command), notices };
}

function failure(work: () => unknown): { code: string; message: string } {
  try {
    work();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return assert.unreachable("nothing was thrown") as never;
}

test("a flag goes before the environment, the environment before the file, the file before the default", () => {
  const yaml = "max-batch: 2\nmax_queue: 20\nlame-duck: 2.5\n";
  const { flags } = settings(
    ["--max-batch", "32"],
    { VITRINE_MAX_BATCH: "16", VITRINE_MAX_QUEUE: "160" },
    yaml,
  );
  assert.equal([flags.maxBatch, flags.maxQueue, flags.lameDuck, flags.grace], [32, 160, 2.5, 25]);
});

test("flags that may be repeated take lists", () => {
  const args = settings(["--model", "a=x", "--model", "b=y"], {}, "model: [c]\n");
  assert.equal(args.flags.model, ["a=x", "b=y"]);
  assert.equal(settings([], { VITRINE_MODEL: "a=x, b=y" }).flags.model, ["a=x", "b=y"]);
  assert.equal(settings([], {}, "model: [a=x, b=y]\ncors-origin: https://a.example\n").flags.model, [
    "a=x",
    "b=y",
  ]);
});

test("the environment and the file are checked as flags are, and the error says where the value is", () => {
  const variable = failure(() => settings([], { VITRINE_MAX_BATCH: "many" }));
  assert.is(variable.code, "usage/number");
  assert.match(variable.message, /^VITRINE_MAX_BATCH: --max-batch got "many"/);
  assert.match(
    failure(() => settings([], { VITRINE_MODEL_CONTROL: "magic" })).message,
    /^VITRINE_MODEL_CONTROL: .*poll/,
  );
  assert.is(failure(() => settings([], {}, "max-bacth: 3\n")).code, "usage/config");
  assert.is(failure(() => settings([], {}, "config: other.yaml\n")).code, "usage/config");
});

test("a variable that is nearly one is noticed, another program's is not", () => {
  const { notices } = settings([], {
    VITRINE_MAX_BACTH: "3",
    VITRINE_LOG: "info",
    VITRINE_SERVICE_HOST: "10.0.0.1",
  });
  assert.equal(notices, ["VITRINE_MAX_BACTH is no setting: did you mean VITRINE_MAX_BATCH?"]);
});

test("printed settings name their source, and are a file that gives the same settings", () => {
  const first = settings(["--model", "a=x", "--rate-limit", "5/s"], { VITRINE_MAX_BATCH: "16" });
  assert.match(first.text, /^max-batch: 16 # VITRINE_MAX_BATCH$/m);
  assert.match(first.text, /^rate-limit: 5 # cli$/m);
  assert.match(first.text, /^max-queue: 256 # default$/m);
  assert.match(first.text, /^# token-file:$/m);
  const again = settings([], {}, first.text);
  const { config: _config, ...rest } = again.flags as ServeFlags & { config?: string };
  assert.equal(rest, first.flags);
});

test("every line of the help fits a terminal of 80 columns", () => {
  const command = new Command("serve");
  addServeFlags(command, serveDeviceOptions());
  command.configureHelp({ helpWidth: 80 });
  for (const line of command.helpInformation().split("\n")) assert.ok(line.length <= 80, line);
});

test.run();
