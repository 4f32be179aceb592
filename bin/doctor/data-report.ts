// Data report: the rates of the data's stages as a table of at most 80 columns, and in words which of them is the
// bottleneck and what would help.

import { counted } from "../../runtime/batches/class-counts.js";
import { formatBytes } from "../../runtime/bytes.js";
import { wrap } from "../../trainer/lines.js";
import type { DataFacts, ServerFacts } from "./data-facts.js";

export type Bottleneck = "read" | "decode" | "augment" | "wire" | "cores";

const WHAT: Readonly<Record<keyof DataFacts["stages"], string>> = {
  read: "one file after another, one thread",
  decode: "decode, crop and resize, one thread",
  augment: "flip, RandAugment, erasing, one thread",
  mix: "Mixup of a pair, one thread",
  encode: "messages of a batch, one thread",
  wire: "gRPC to this process, nothing decoded",
};

/** Sending takes this fraction of what is made, or more. */
const SENDS = 0.75;
/** The threads do this fraction of what one does alone, times their number, or more. */
const SCALES = 0.65;
/** Larger pictures take longer to decode than a training of 224 pixels needs. */
const LARGE_MEGAPIXELS = 0.6;

const rate = (value: number): string =>
  (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1)).padStart(9);

function time(seconds: number): string {
  const ms = 1000 * seconds;
  return `${ms >= 10 ? ms.toFixed(1) : ms >= 0.1 ? ms.toFixed(2) : ms.toFixed(3)} ms`.padStart(10);
}

/** Images a second that the decode threads could make if each was as fast as one alone. */
export function possibleRate({ stages: { read, decode, augment, mix }, workers }: DataFacts): number {
  // A thread reads its next pictures while it decodes.
  return Math.max(1, workers) / Math.max(read, decode + augment + mix);
}

export function bottleneckOf(facts: DataFacts): Bottleneck {
  const { stages, together, overGrpc } = facts;
  const { read, decode, augment, mix } = stages;
  if (read > decode + augment + mix) return "read";
  if (overGrpc < SENDS * together) return "wire";
  if (together < SCALES * possibleRate(facts)) return "cores";
  return augment > decode ? "augment" : "decode";
}

function smallerFiles({ megapixels }: DataFacts): string {
  if (megapixels <= LARGE_MEGAPIXELS) return "";
  return (
    `; the pictures have ${megapixels.toFixed(1)} megapixels on average: copies of about 500 pixels on their short ` +
    "side decode several times faster"
  );
}

function moreThreads({ workers, cores }: DataFacts): string {
  return workers < cores
    ? `more decode threads (--workers, now ${workers} of ${cores} cores)`
    : "more cores, or data servers on other machines (--data-server with several addresses)";
}

/** Which stage it is, and what would help. */
function adviceOf(facts: DataFacts): string {
  const { stages, together, overGrpc, workers } = facts;
  const percent = (seconds: number) =>
    Math.round((100 * seconds) / (stages.decode + stages.augment + stages.mix));
  switch (bottleneckOf(facts)) {
    case "read":
      return (
        "reading: a thread waits longer for a file than it decodes; a faster disk, or fewer and larger files " +
        "(vitrine dataset pack), would help, and so would more decode threads, which read at the same time (--workers)"
      );
    case "wire":
      return (
        `sending: over gRPC ${Math.round(overGrpc).toLocaleString("en")} of ${Math.round(together).toLocaleString("en")} ` +
        "images a second arrive; vitrine train --data PATH needs no sending, and several data servers share it"
      );
    case "cores":
      return (
        `cores: ${counted(workers, "thread makes", "threads make")} ${Math.round(together).toLocaleString("en")} of the ` +
        `${Math.round(possibleRate(facts)).toLocaleString("en")} images a second that one alone promises: other programs, ` +
        "or the trainer itself, use the same cores; machines for the data alone would help (vitrine data-server)"
      );
    case "augment":
      return (
        `augmentation, ${percent(stages.augment)}% of a decode thread's time: ${moreThreads(facts)}, or fewer operations ` +
        "(--aa)"
      );
    case "decode":
      return `decoding, ${percent(stages.decode)}% of a decode thread's time: ${moreThreads(facts)}${smallerFiles(facts)}`;
  }
}

const row = (name: string, images: number, text: string): string =>
  `${name.padEnd(12)}${rate(images)} ${time(1 / images)}   ${text}`;

export function dataReportLines(facts: DataFacts): string[] {
  const { images, workers, batchSize, size, fileBytes, megapixels, stages, together, overGrpc } = facts;
  const threads = counted(workers, "decode thread", "decode threads");
  return [
    ...wrap("data      ", [
      ...`${counted(images, "image", "images")}; ${formatBytes(Math.round(fileBytes))} and`.split(" "),
      ...`${megapixels.toFixed(2)} megapixels on average; batches of ${batchSize}, ${size}×${size} pixels`.split(
        " ",
      ),
    ]),
    "",
    `${"stage".padEnd(12)}${"images/s".padStart(9)} ${"an image".padStart(10)}`,
    ...(Object.keys(WHAT) as (keyof typeof WHAT)[]).map((name) =>
      stages[name] > 0
        ? row(name, 1 / stages[name], WHAT[name])
        : `${name.padEnd(12)}${"–".padStart(9)} ${"–".padStart(10)}   ${WHAT[name]}`,
    ),
    row("together", together, `all but sending, ${threads}`),
    row("over gRPC", overGrpc, `the same from a data server to this process`),
    "",
    ...wrap("bottleneck ", adviceOf(facts).split(" ")),
  ];
}

export function serverReportLines(facts: ServerFacts): string[] {
  const { address, images, batchSize, size, connectMs, firstBatchMs, rate: perSecond, transfer } = facts;
  const bytes = perSecond * size * size * 3;
  const advice =
    transfer > 0.5
      ? "transfer: batches are made, but arrive slowly; a faster link, unix:PATH on the same machine, or several " +
        "servers would help"
      : "the server: it makes batches more slowly than they are read here; more decode threads (--workers) or " +
        "several servers would help, and vitrine doctor --data PATH on its machine measures its stages";
  return [
    ...wrap("data      ", [
      ...`${counted(images, "image", "images")} of ${address}; batches of ${batchSize}, ${size}×${size} pixels`.split(
        " ",
      ),
    ]),
    "",
    `connected   ${connectMs.toFixed(0)} ms, first batch ${firstBatchMs.toFixed(0)} ms later`,
    row("batches", perSecond, `${formatBytes(Math.round(bytes))} a second, read as fast as they come`),
    `transfer    ${Math.round(100 * transfer)}% of the waiting; the rest is for the server to make them`,
    "",
    ...wrap("bottleneck ", advice.split(" ")),
  ];
}
