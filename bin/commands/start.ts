// vitrine start: DeiT's story from end to end on a drawn data set. A small convnet learns the classes; a small
// transformer with a distillation token learns them from the labels and from the convnet. Data server and trainers are
// subcommands in processes of their own.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import pc from "picocolors";
import { nodeHost } from "../../runtime/host/node.js";
import { freePort, runCommand, startServerCommand } from "../child-command.js";
import { action, withExamples } from "../command-line.js";
import { wholeNumber } from "../options.js";
import { ensureSampleSet, randomForSamples } from "../sample-data/sample-set.js";

interface StartOptions {
  data: string;
  out: string;
  epochs: number;
  teacherEpochs: number;
}

/** Compiled to dist/bin/commands/. */
const example = (file: string): string =>
  fileURLToPath(new URL(`../../../examples/shapes/${file}`, import.meta.url));

/** Milder crops and no mixing: what ImageNet's recipe adds against overfitting costs more than it gives in minutes. */
const SHARED_RECIPE = flags(
  "--recipe deit --batch-size 16 --min-lr 0.0001 --drop-path 0 --no-ema --seed 1 --aa none --color-jitter 0 " +
    "--scale 0.6,1 --reprob 0 --mixup 0 --cutmix 0 --no-repeated-aug",
);

/** Batch norm allows a six times higher rate than the transformer's. */
const TEACHER_RECIPE = flags("--lr 0.2 --warmup-epochs 1 --warmup-lr 0.003");

const STUDENT_RECIPE = flags("--lr 0.032 --warmup-epochs 2 --warmup-lr 0.0003");

function flags(text: string): string[] {
  return text.split(" ");
}

/** `runs/shapes`, or the first free `runs/shapes-2`, `-3` …: a second start never touches the first one's result. */
function freeFolder(wanted: string): string {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? wanted : `${wanted}-${number}`;
    if (!existsSync(folder) && !existsSync(teacherFolder(folder))) return folder;
  }
}

const teacherFolder = (out: string): string => `${out}-teacher`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function chapter(number: number, text: string): void {
  say(`\n${pc.bold(`${number}/3  ${text}`)}`);
}

/** The teacher, then the student that distills it. Both read their batches from one data server. */
async function trainBoth({ data, epochs, teacherEpochs }: StartOptions, out: string): Promise<void> {
  const server = await startServerCommand([
    "data-server",
    "--data",
    join(data, "train"),
    "--listen",
    "127.0.0.1:0",
    "--workers",
    "1",
  ]);
  const validation = join(data, "val");
  // All cores: the trainer would leave one to the data server, whose small pictures take little of it.
  const threads = ["--threads", String(nodeHost().cores())];
  // One address for both runs, so that a page that is open goes over from the teacher to the student.
  const dashboard = ["--dashboard", `127.0.0.1:${await freePort()}`];
  const source = ["--data-server", server.address, "--val", validation];
  const run = ["train", ...source, ...dashboard, ...threads, ...SHARED_RECIPE];
  const teacher = teacherFolder(out);
  try {
    chapter(2, "a convnet teacher: RegNetY, whose convolutions find shapes quickly");
    const teacherModel = ["--model", example("teacher.json"), "--epochs", String(teacherEpochs)];
    await runCommand([...run, "--out", teacher, ...teacherModel, ...TEACHER_RECIPE, "--no-report"]);
    chapter(3, "a transformer student: DeiT, from the labels and the teacher's decisions");
    const studentModel = ["--model", example("student.json"), "--epochs", String(epochs)];
    const distillation = ["--teacher", join(teacher, "best"), "--distillation", "hard"];
    await runCommand([...run, "--out", out, ...studentModel, ...distillation, ...STUDENT_RECIPE]);
  } finally {
    await server.stop();
  }
}

function printNextSteps({ data, epochs }: StartOptions, out: string): void {
  const model = join(out, "best");
  const photo = join(data, "val", "star", "0000.jpg");
  const validation = join(data, "val");
  const teacher = join(teacherFolder(out), "best");
  const commands: [string, string][] = [
    ["classify a picture", `npx vitrine classify ${photo} --model ${model}`],
    [
      "where student and teacher disagree",
      `npx vitrine validate --data ${validation} --model ${model} --teacher ${teacher}`,
    ],
    ["compare the runs", `npx vitrine dashboard ${dirname(out)}`],
    ["train longer", `npx vitrine start --epochs ${epochs * 4}`],
    ["serve it over gRPC", `npx vitrine serve --model ${model}`],
    ["open it in a page", `npx vitrine client --model ${model}`],
    ["use your own photos: FOLDER has one folder per class", "npx vitrine data-server --data FOLDER"],
  ];
  say(`\n${pc.green("✓")} the student is in ${pc.bold(model)}, the teacher in ${teacher}`);
  const report = join(out, "report.html");
  if (existsSync(report))
    say(`${pc.green("✓")} curves, mistakes and attention maps: open ${pc.bold(report)}`);
  say("\nNext:\n");
  for (const [what, command] of commands) say(`  # ${what}\n  ${pc.cyan(command)}`);
}

async function start(options: StartOptions): Promise<void> {
  const began = performance.now();
  const out = freeFolder(options.out);
  chapter(1, "data: ten classes of drawn shapes, 2,000 pictures to train, 500 to validate");
  await ensureSampleSet(options.data, await randomForSamples());
  say(`${pc.green("✓")} data set in ${options.data}`);
  await trainBoth(options, out);
  printNextSteps(options, out);
  say(`\n${((performance.now() - began) / 60_000).toFixed(1)} minutes`);
}

export function configureStart(command: Command): void {
  command
    .option("--data <folder>", "folder of the drawn pictures", "sample-data")
    .option("--out <folder>", "folder of the run; the teacher's is beside it", join("runs", "shapes"))
    .option("--epochs <n>", "epochs of the student", wholeNumber("--epochs", { min: 1 }), 16)
    .option("--teacher-epochs <n>", "epochs of the teacher", wholeNumber("--teacher-epochs", { min: 1 }), 8)
    .action(action(start));
  withExamples(command, [
    ["a first run, in minutes", "vitrine start"],
    ["a shorter one", "vitrine start --epochs 2 --teacher-epochs 1"],
    ["a longer run elsewhere", "vitrine start --epochs 64 --out runs/long"],
  ]);
}
