// Known flags: what timm and deit users type is answered with Vitrine's flag, and every flag in an answer exists.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { COMMAND_GROUPS } from "../../bin/command-table.js";
import { KNOWN_FLAGS, knownFlagAnswer } from "../../bin/known-flags.js";

const vitrine = fileURLToPath(new URL("../../bin/vitrine.js", import.meta.url));
const run = (...args: string[]) => spawnSync(process.execPath, [vitrine, ...args], { encoding: "utf8" });

/** deit's main.py at 2021-2023: all of its flags that Vitrine does not have. */
const DEIT = `--drop --model-ema-force-cpu --patience-epochs --train-mode --resplit --teacher-model
  --data-path --data-set --inat-category --output_dir --start_epoch --eval --dist-eval --num_workers --pin-mem
  --no-pin-mem --distributed --world_size --dist_url`;

/** Text of a command's help at 80 columns, without a process of its own. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}

const program = new Command("vitrine");
for (const { name, description, load } of COMMAND_GROUPS.flatMap(([, entries]) => entries))
  (await load())(program.command(name).description(description));
const commands = program.commands.flatMap((command) => [command, ...command.commands]);

function flagsOf(name: string): Set<string> {
  const command = commands.find((each) => name.split(" ").at(-1) === each.name()) as Command;
  return new Set(command.options.map(({ long }) => long as string));
}

test("train has an answer to every flag of deit's main.py that it does not have itself", () => {
  for (const flag of DEIT.split(/\s+/)) {
    assert.not.ok(flagsOf("train").has(flag), flag);
    const answer = knownFlagAnswer("train", [...flagsOf("train")], [flag, "x"]) ?? "";
    assert.match(answer, new RegExp(`^train ${flag}: .{9,}`), flag);
  }
});

test("every flag that an answer names is one of the command's, and no answered flag is", () => {
  for (const [names, answers] of KNOWN_FLAGS)
    for (const [command, answer] of Object.entries(answers)) {
      if (command === "other") continue;
      const flags = flagsOf(command);
      for (const name of names.split(" ")) assert.not.ok(flags.has(name), `${command} has ${name}`);
      const elsewhere = [...flagsOf("validate"), ...flagsOf("data-server")];
      for (const [flag] of answer.matchAll(/--[a-z][\w-]*/g))
        assert.ok(flags.has(flag) || elsewhere.includes(flag), `${command} ${names}: ${flag}`);
    }
});

test("an answer for several commands is given only where the command has the flag that it names", () => {
  assert.match(
    knownFlagAnswer("validate", [...flagsOf("validate")], ["--data-path", "x"]) ?? "",
    /--data PATH/,
  );
  for (const flag of ["--data-path", "--output_dir", "--amp"])
    assert.is(knownFlagAnswer("models", [...flagsOf("models")], [flag, "x"]), undefined, flag);
});

test("the command line answers before it asks for its own required flags", () => {
  const { status, stderr } = run("train", "--data-path", "imagenet", "--output_dir", "runs");
  assert.is(status, 1);
  assert.match(
    stderr,
    /^vitrine: usage\/command-line: train --data-path: use --data PATH and --val PATH.*\n$/,
  );
  assert.match(run("data-server", "--data", "x", "--aa", "none").stderr, /data-server --aa: .*vitrine train/);
  for (const [command, name] of [["train"], ["validate"], ["convert"], ["image", "preview"]].map((words) => [
    words,
    words.join(" "),
  ]))
    assert.is(
      run(...(command as string[]), "--no-such-flag=3").stderr,
      `vitrine: usage/command-line: unknown option '--no-such-flag' (see "vitrine ${name} --help")\n`,
      "not that a required flag is missing",
    );
});

test("--version prints package.json's", () => {
  assert.match(run("--version").stdout, /^\d+\.\d+\.\d+\n$/);
});

test("the overall help lists every command; help NAME is NAME --help, nested commands included", () => {
  const overall = run("--help").stdout;
  for (const { name } of COMMAND_GROUPS.flatMap(([, entries]) => entries))
    assert.match(overall, new RegExp(`^  ${name} +[a-z]`, "m"), name);
  assert.is(run("help", "train").stdout, run("train", "--help").stdout);
  assert.match(run("train", "--help").stdout, /--data-server <address>/);
  assert.match(run("data", "digest", "--help").stdout, /--batches <n>/);
});

test("every command's help has two examples and fits into 80 columns", () => {
  assert.is(commands.length, 26);
  for (const command of commands) {
    const text = helpOf(command);
    assert.ok((text.match(/^ {2}# /gm) ?? []).length >= 2, command.name());
    const long = text.split("\n").filter((line) => line.length > 80);
    assert.equal(long, [], command.name());
  }
});

test.run();
