// Train options: the flags of `vitrine train` beside the trainer's settings, and its examples.

import { type Command, Option } from "commander";
import { withExamples } from "../command-line.js";
import { BAD_SAMPLES, decimalNumber, maxPixelsOption, wholeNumber, workersOption } from "../options.js";

export function addTrainOptions(command: Command): void {
  command
    .optionsGroup("Data and run:")
    .option("-c, --config <file>", "YAML file of flags without dashes; flags given here override it")
    .option(
      "--data <path>",
      "training images: folder of class folders, list, index, or URL of one; this process decodes them",
    )
    .option(
      "--data-server <address>",
      "in place of --data: HOST:PORT or unix:PATH of a `vitrine data-server`; several with commas, or dns:///NAME:PORT for all of a name",
    )
    .option(
      "--out <folder>",
      "folder of the run, which rank 0 alone needs, with last/, best/, metrics.csv and config.yaml; or s3://BUCKET/PREFIX",
    )
    .option(
      "--val <path>",
      "validation images: folder of class folders, list, index, URL of one, or grpc://HOST:PORT of their data server",
    )
    .addOption(
      new Option(
        "--bad-samples <policy>",
        "a file of --data or --val that cannot be read: end the run, leave it out, or use the rows that it still has (default: fail)",
      ).choices(BAD_SAMPLES),
    )
    .addOption(maxPixelsOption("a larger one of --data or --val is a bad sample"))
    .addOption(workersOption())
    .option("--resume", "continue the run in --out, with its settings")
    .option(
      "--resume-if-any",
      "continue the run in --out if there is one, else start it: for restarts by a cluster",
    )
    .option("--accept-data", "with --resume: continue although the data set has changed")
    .option(
      "--checkpoint-every <steps>",
      "steps between checkpoints; each epoch's end writes one too",
      wholeNumber("--checkpoint-every", { min: 1 }),
      500,
    )
    .option(
      "--keep-best <n>",
      "epochs whose models are kept in RUN/top, without optimizer state; 1: RUN/best alone",
      wholeNumber("--keep-best", { min: 1, max: 1000 }),
      3,
    )
    .option(
      "--data-timeout <s>",
      "seconds to wait for a data server that does not answer",
      decimalNumber("--data-timeout", { min: 0 }),
      60,
    )
    .option(
      "--data-credit <MiB>",
      "memory for batches in flight or waiting, in MiB (default: what fits in 64 MiB, from 2 to 8 batches)",
      decimalNumber("--data-credit", { min: 0 }),
    )
    .option(
      "--teacher-timeout <s>",
      "seconds for each answer of a teacher's server (--teacher grpc://...)",
      decimalNumber("--teacher-timeout", { min: 0.001 }),
      60,
    )
    .option("--dry-run", "measure memory, data and a few steps, estimate the run's time, and write nothing")
    .option(
      "--dashboard [host:port]",
      "serve a live page of the run, which can pause, save and stop it (default: 127.0.0.1:8090, or a free port)",
    )
    .option("--no-report", "write no RUN/report.html at the end of the run")
    .option("--json", "end with one line of JSON; everything else goes to standard error");
}

export function addTrainExamples(command: Command): void {
  withExamples(command, [
    [
      "train DeiT-Ti from scratch",
      "vitrine train --data photos/train --val photos/val \\\n" +
        "    --out runs/tiny --model deit_tiny_patch16_224",
    ],
    [
      "fine-tune on one's own photographs for 5 epochs",
      "vitrine train --data-server 127.0.0.1:50051 --val photos/val \\\n" +
        "    --out runs/tuned --init model.safetensors --epochs 5",
    ],
    [
      "the same settings again, but for a seed",
      "vitrine train -c runs/tuned/config.yaml --seed 1 --out runs/again",
    ],
    [
      "the same run in 4 processes of this machine",
      "vitrine train --data photos/train --out runs/tiny \\\n" +
        "    --model deit_tiny_patch16_224 --processes 4",
    ],
    [
      "continue a run that was stopped",
      "vitrine train --data-server 127.0.0.1:50051 --out runs/tiny --resume",
    ],
  ]);
}
