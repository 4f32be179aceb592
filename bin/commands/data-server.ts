// vitrine data-server: serves a data set as augmented batches over gRPC until a signal stops it.

import type { Command } from "commander";
import { classWarnings, counted, describeClasses } from "../../runtime/batches/class-counts.js";
import type { BadSamples } from "../../server/data/batch-maker.js";
import { startDataServer } from "../../server/data/data-server.js";
import { describe } from "../../server/data/pipeline.js";
import { runUntilSignal } from "../../server/drain.js";
import { exposureWarning } from "../../server/listen.js";
import { action, withExamples } from "../command-line.js";
import { badSamplesOption, dataOption, workersOption } from "../options.js";

interface DataServerCommand {
  data: string;
  listen: string;
  workers: number;
  badSamples: BadSamples;
}

async function run({ data, listen, workers, badSamples }: DataServerCommand): Promise<void> {
  const server = await startDataServer({ data, listen, workers, badSamples });
  const { dataset, address, service } = server;
  const { fingerprint, names } = dataset;
  const images = counted(names.length, "image", "images");
  const description = describe(dataset, "");
  process.stdout.write(
    `${images} in ${describeClasses(description)}\n` +
      `fingerprint ${fingerprint.slice(0, 12)}, ${counted(workers, "decode worker", "decode workers")}\n`,
  );
  for (const text of classWarnings(description)) process.stderr.write(`warning: ${text}\n`);
  const warning = exposureWarning(address, "read the data set's images and labels");
  if (warning) process.stderr.write(`${warning}\n`);
  await runUntilSignal(
    () => server.close(),
    () => process.stdout.write(`listening on ${address}\n`),
  );
  if (service.skipped() > 0) process.stderr.write(`skipped ${service.skipped()} bad samples\n`);
}

export function configureDataServer(command: Command): void {
  command
    .optionsGroup("Data:")
    .addOption(dataOption())
    .addOption(workersOption())
    .addOption(badSamplesOption())
    .optionsGroup("Server:")
    .option("--listen <address>", "HOST:PORT (port 0 picks a free port) or unix:PATH", "127.0.0.1:50051")
    .action(action(run));
  withExamples(command, [
    ["for a trainer on this machine", "vitrine data-server --data photos/train"],
    ["for trainers elsewhere", "vitrine data-server --data train.csv --listen 0.0.0.0:50051 --workers 8"],
  ]);
}
