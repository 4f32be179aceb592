// vitrine data-server: serves a data set as augmented batches over gRPC until a signal stops it.

import type { Command } from "commander";
import { describe } from "../../runtime/batches/batch-stream.js";
import { classWarnings, counted, describeClasses } from "../../runtime/batches/class-counts.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { startDataServer } from "../../server/data/data-server.js";
import { DEFAULT_MAX_STREAMS } from "../../server/data/service.js";
import { endOnSignalDuring, runUntilSignal } from "../../server/drain.js";
import { exposureWarning } from "../../server/listen.js";
import { protectionOf } from "../../server/security.js";
import { action, withExamples } from "../command-line.js";
import { listingReport } from "../listing-report.js";
import {
  badSamplesOption,
  byteCount,
  dataOption,
  maxPixelsOption,
  wholeNumber,
  workersOption,
} from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import { addServerSecurity, serverSecurity } from "../security-options.js";

interface DataServerCommand extends RemoteFlags {
  data: string;
  listen: string;
  workers: number;
  badSamples: BadSamples;
  memory?: number;
  maxStreams: number;
  maxPixels: number;
  metrics?: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsClientCa?: string;
  tokenFile?: string;
}

/** A blocked thread keeps its process alive, whatever is asked of it: only the operating system can end both. */
function endBlocked(threads: number): void {
  process.stderr.write(
    `${counted(threads, "decode thread is", "decode threads are")} waiting for a drive that does not answer: ` +
      "ending without waiting\n",
  );
  // The kernel does not let the first process of a container kill itself.
  if (process.pid === 1) process.abort();
  process.kill(process.pid, "SIGKILL");
}

async function run({
  data,
  listen,
  workers,
  badSamples,
  memory,
  maxStreams,
  maxPixels: pixelLimit,
  metrics,
  ...flags
}: DataServerCommand): Promise<void> {
  const limits = { maxStreams, ...(memory !== undefined && { memoryBytes: memory }) };
  const security = serverSecurity(flags);
  const onFiles = listingReport(data);
  const server = await endOnSignalDuring(
    startDataServer({
      data,
      listen,
      workers,
      badSamples,
      pixelLimit,
      limits,
      onFiles,
      security,
      metrics,
      remote: remoteSettings(flags),
    }),
  );
  const { dataset, address, service, metricsAddress } = server;
  const { fingerprint, samples } = dataset;
  const images = counted(samples, "image", "images");
  const description = describe(dataset, "");
  process.stdout.write(
    `${images} in ${describeClasses(description)}\n` +
      `fingerprint ${fingerprint.slice(0, 12)}, ${counted(workers, "decode thread", "decode threads")}\n`,
  );
  if (metricsAddress !== undefined) process.stdout.write(`metrics on ${metricsAddress}/metrics\n`);
  for (const text of classWarnings(description)) process.stderr.write(`warning: ${text}\n`);
  const warning = exposureWarning(address, "read the data set's images and labels", protectionOf(security));
  if (warning) process.stderr.write(`${warning}\n`);
  const signaled = runUntilSignal(
    () => server.close(),
    () => process.stdout.write(`listening on ${address}\n`),
  );
  const failure = await Promise.race([signaled, server.failure]);
  if (failure) {
    await server.close();
    throw failure;
  }
  if (server.blockedThreads() > 0) endBlocked(server.blockedThreads());
  if (service.skipped() > 0) process.stderr.write(`skipped ${service.skipped()} bad samples\n`);
}

export function configureDataServer(command: Command): void {
  command
    .optionsGroup("Data:")
    .addOption(dataOption())
    .addOption(workersOption())
    .addOption(badSamplesOption())
    .addOption(maxPixelsOption());
  addRemoteOptions(command)
    .optionsGroup("Server:")
    .option(
      "--listen <address>",
      "HOST:PORT, :PORT (all interfaces) or unix:PATH; port 0: a free one",
      "127.0.0.1:50051",
    )
    .option(
      "--memory <size>",
      "memory for the batches of all streams, such as 4GiB; a stream that does not fit is refused (half of the machine's)",
      byteCount("--memory"),
    )
    .option(
      "--max-streams <n>",
      "streams at a time; each trainer has one",
      wholeNumber("--max-streams", { min: 1 }),
      DEFAULT_MAX_STREAMS,
    );
  command.option("--metrics <address>", "HOST:PORT of /metrics for Prometheus and of /healthz");
  addServerSecurity(command);
  command.action(action(run));
  withExamples(command, [
    ["for a trainer on this machine", "vitrine data-server --data photos/train"],
    [
      "from a bucket, through a cache",
      "vitrine data-server --data s3://bucket/photos.index --cache /data/cache",
    ],
    ["for trainers elsewhere", "vitrine data-server --data train.csv --listen 0.0.0.0:50051 --workers 8"],
    [
      "for trainers that have a token, by TLS",
      "vitrine data-server --data train.csv --listen 0.0.0.0:50051 \\\n" +
        "  --tls-cert server.pem --tls-key server.key --token-file tokens.txt",
    ],
  ]);
}
