// vitrine start: the whole story on drawn pictures: data set, data server, trainer, validation, and what comes next.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import pc from "picocolors";
import { VitrineError } from "../../runtime/errors.js";
import { startCommand, startServerCommand } from "../child-command.js";
import { action } from "../command-line.js";
import { wholeNumber } from "../number-option.js";
import { randomForSamples } from "../sample-data/random.js";
import { ensureSampleSet } from "../sample-data/sample-set.js";

/** Compiled to dist/bin/commands/. */
const CONFIG = fileURLToPath(new URL("../../../examples/shapes/config.json", import.meta.url));

interface StartOptions {
  data: string;
  out: string;
  epochs: number;
}

/** Settings that let a small model learn shapes in minutes: milder crops and mixing than ImageNet's recipe. */
export const START_RECIPE = [
  "--batch-size 16 --lr 0.032 --warmup-epochs 2 --warmup-lr 0.0003 --min-lr 0.0001",
  "--aa none --color-jitter 0 --scale 0.6,1 --reprob 0 --mixup 0 --cutmix 0 --drop-path 0",
  "--ema-decay 0.98 --seed 1",
].flatMap((flags) => flags.split(" "));

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
  const server = await startServerCommand([
    ...["data-server", "--data", join(options.data, "train"), "--listen", "127.0.0.1:0", "--workers", "1"],
  ]);
  say(`${pc.green("✓")} data server on ${server.address}`);
  const trainer = startCommand([
    ...["train", "--data-server", server.address, "--val", join(options.data, "val"), "--out", out],
    ...["--model", CONFIG, "--epochs", String(options.epochs), ...START_RECIPE],
  ]);
  try {
    const status = await trainer.ended;
    if (status !== 0)
      throw new VitrineError(
        "training/failed",
        `the trainer ended with status ${status}; its own line above says why`,
      );
  } finally {
    await server.stop();
  }
}

function sayWhatNext(options: StartOptions, out: string): void {
  const model = join(out, "best");
  const photo = join(options.data, "val", "star", "0000.jpg");
  const commands: [string, string][] = [
    ["classify a picture", `npx vitrine classify ${photo} --model ${model}`],
    ["train longer", `npm start -- --epochs ${options.epochs * 4}`],
    ["serve it over gRPC", `npm run serve -- --model ${model}`],
    ["open it in a page", `npm run client -- --model ${model}`],
    ["use your own photographs", "npm run data-server -- --data FOLDER   # one folder a class"],
  ];
  say(`\n${pc.green("✓")} the model is in ${pc.bold(model)}. From here:\n`);
  for (const [what, command] of commands) say(`  ${what.padEnd(26)}${pc.cyan(command)}`);
}

async function start(options: StartOptions): Promise<void> {
  const began = performance.now();
  const out = freeFolder(options.out);
  if (!existsSync(options.data))
    say("drawing ten classes of shapes, 2,000 pictures to train and 500 to validate …");
  await ensureSampleSet(options.data, await randomForSamples());
  say(`${pc.green("✓")} data set in ${options.data}`);
  await train(options, out);
  sayWhatNext(options, out);
  say(`\n${((performance.now() - began) / 60_000).toFixed(1)} minutes`);
}

export function registerStart(program: Command): void {
  program
    .command("start")
    .description("draw a sample data set, train a small DeiT on it over gRPC, and say what comes next")
    .option("--data <folder>", "where the drawn pictures are or go", "sample-data")
    .option("--out <folder>", "where the run goes", join("runs", "shapes"))
    .option("--epochs <n>", "epochs to train", wholeNumber("--epochs", { min: 1 }), 14)
    .action(action(start));
}
