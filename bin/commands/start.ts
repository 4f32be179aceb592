// vitrine start: a first run from end to end on a drawn data set: data server, training, validation, and what to try
// next. Server and trainer are subcommands in processes of their own.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import pc from "picocolors";
import { VitrineError } from "../../runtime/errors.js";
import { action, withExamples } from "../command-line.js";
import { wholeNumber } from "../options.js";
import { ensureSampleSet, randomForSamples } from "../sample-data/sample-set.js";

/** Compiled to dist/bin/commands/. */
const CONFIG = fileURLToPath(new URL("../../../examples/shapes/config.json", import.meta.url));

interface StartOptions {
  data: string;
  out: string;
  epochs: number;
}

/** Settings with which a small model learns shapes in minutes: milder crops and mixing than ImageNet's recipe. */
const START_RECIPE = [
  "--batch-size 16 --lr 0.032 --warmup-epochs 2 --warmup-lr 0.0003 --min-lr 0.0001",
  "--aa none --color-jitter 0 --scale 0.6,1 --reprob 0 --mixup 0 --cutmix 0 --drop-path 0 --no-repeated-aug",
  "--ema-decay 0.98 --seed 1",
].flatMap((flags) => flags.split(" "));

interface ChildCommand {
  process: ChildProcess;
  /** Exit status; a signal counts as 1. */
  ended: Promise<number>;
  stop(): Promise<void>;
}

/** Starts `vitrine ARGUMENTS`. `onLine` gets each line of its standard output, which is inherited otherwise. */
function startCommand(args: readonly string[], onLine?: (line: string) => void): ChildCommand {
  // The script of the running command: dist/bin/vitrine.js, wherever it was started from.
  const child = spawn(process.execPath, [process.argv[1], ...args], {
    stdio: ["ignore", onLine ? "pipe" : "inherit", "inherit"],
  });
  const ended = new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? 1)));
  const kill = (): boolean => child.kill("SIGTERM");
  process.once("exit", kill);
  void ended.then(() => process.off("exit", kill));
  if (onLine && child.stdout) {
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(onLine);
    });
  }
  const stop = async (): Promise<void> => {
    kill();
    await ended;
  };
  return { process: child, ended, stop };
}

const LISTENING = /^listening on (\S+)/;

/** Starts a server command; resolves once it prints `listening on ADDRESS`. Throws `internal/child`. */
async function startServerCommand(args: readonly string[]): Promise<ChildCommand & { address: string }> {
  let announce: (address: string) => void = () => {};
  const announced = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const command = startCommand(args, (line) => {
    const match = LISTENING.exec(line);
    if (match) announce(match[1]);
  });
  const address = await Promise.race([announced, command.ended]);
  if (typeof address === "number")
    throw new VitrineError(
      "internal/child",
      `"vitrine ${args[0]}" exited with status ${address} before it was listening; see its own error above`,
    );
  return { ...command, address };
}

/** `runs/shapes`, or the first free `runs/shapes-2`, `-3` …: a second start never touches the first one's result. */
function freeFolder(wanted: string): string {
  if (!existsSync(wanted)) return wanted;
  for (let number = 2; ; number++) {
    const folder = `${wanted}-${number}`;
    if (!existsSync(folder)) return folder;
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function train(options: StartOptions, out: string): Promise<void> {
  const images = join(options.data, "train");
  const server = await startServerCommand([
    "data-server",
    "--data",
    images,
    "--listen",
    "127.0.0.1:0",
    "--workers",
    "1",
  ]);
  say(`${pc.green("✓")} data server on ${server.address}`);
  try {
    const validation = join(options.data, "val");
    const run = ["--data-server", server.address, "--val", validation, "--out", out];
    const model = ["--model", CONFIG, "--epochs", String(options.epochs)];
    const status = await startCommand(["train", ...run, ...model, ...START_RECIPE]).ended;
    if (status !== 0)
      throw new VitrineError(
        "training/failed",
        `the trainer exited with status ${status}; see its own error above`,
      );
  } finally {
    await server.stop();
  }
}

function printNextSteps(options: StartOptions, out: string): void {
  const model = join(out, "best");
  const photo = join(options.data, "val", "star", "0000.jpg");
  const commands: [string, string][] = [
    ["classify a picture", `npx vitrine classify ${photo} --model ${model}`],
    ["train longer", `npx vitrine start --epochs ${options.epochs * 4}`],
    ["serve it over gRPC", `npx vitrine serve --model ${model}`],
    ["open it in a page", `npx vitrine client --model ${model}`],
    ["use your own photos: FOLDER has one folder per class", "npx vitrine data-server --data FOLDER"],
  ];
  say(`\n${pc.green("✓")} the model is in ${pc.bold(model)}. Next:\n`);
  for (const [what, command] of commands) say(`  # ${what}\n  ${pc.cyan(command)}`);
}

async function start(options: StartOptions): Promise<void> {
  const began = performance.now();
  const out = freeFolder(options.out);
  if (!existsSync(options.data))
    say("drawing ten classes of shapes: 2,000 pictures for training, 500 for validation …");
  await ensureSampleSet(options.data, await randomForSamples());
  say(`${pc.green("✓")} data set in ${options.data}`);
  await train(options, out);
  printNextSteps(options, out);
  say(`\n${((performance.now() - began) / 60_000).toFixed(1)} minutes`);
}

export function configureStart(command: Command): void {
  command
    .option("--data <folder>", "folder of the drawn pictures", "sample-data")
    .option("--out <folder>", "folder of the run", join("runs", "shapes"))
    .option("--epochs <n>", "epochs to train", wholeNumber("--epochs", { min: 1 }), 14)
    .action(action(start));
  withExamples(command, [
    ["a first run, in minutes", "vitrine start"],
    ["a longer run elsewhere", "vitrine start --epochs 56 --out runs/long"],
  ]);
}
