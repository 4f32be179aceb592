// Report: a prediction in lines of at most 80 columns, with what is used how much and what would help.

import { counted } from "../../runtime/batches/class-counts.js";
import { NOTABLE_DATA_WAIT } from "../../trainer/core/data-wait.js";
import { wrap } from "../../trainer/lines.js";
import type { Cluster, Prediction, Use } from "./cluster.js";

const NAMES: Readonly<Record<keyof Use, string>> = {
  storage: "storage of a server",
  decode: "decode threads",
  send: "serving thread",
  serverLink: "link of a server",
  trainerLink: "link of a trainer",
  trainers: "trainers",
};

/** Something that works this much of the time is what the others wait for. */
const SATURATED = 0.9;
const percent = (fraction: number): string => `${Math.round(100 * fraction)}%`;
const perSecond = (rate: number): string => Math.round(rate).toLocaleString("en");

/** Decode threads of a server that would keep all trainers busy. */
function threadsNeeded({ servers, trainers, ranks, batchSize, decodeSeconds, stepSeconds }: Cluster): number {
  const images = (ranks ? batchSize : batchSize * trainers) / Math.max(stepSeconds, 1e-9);
  return Math.ceil((images * decodeSeconds) / (servers === 0 ? trainers : servers) / SATURATED);
}

/** What limits the cluster, and what would help. */
function adviceOf(cluster: Cluster, { dataWait, use }: Prediction): string {
  if (dataWait < NOTABLE_DATA_WAIT) return "the trainers: batches are there when they are needed";
  const most = (Object.keys(NAMES) as (keyof Use)[]).reduce((a, b) => (use[b] > use[a] ? b : a));
  if (use[most] < SATURATED)
    return (
      "latency: no part is busy all the time, and each waits for another; more batches of credit (--credit), more " +
      "files read at a time (--read-ahead) or larger batches would help"
    );
  const { stepSeconds, servers } = cluster;
  switch (most) {
    case "decode":
      return (
        "decoding" +
        (stepSeconds > 0
          ? `: about ${threadsNeeded(cluster)} threads ${servers === 0 ? "a trainer" : "a server"} would keep the trainers busy`
          : ": more threads or servers")
      );
    case "storage":
      return "storage: a faster drive, smaller files, or more of them in a cache (--cached)";
    case "send":
      return "the serving thread: more servers share its work";
    case "serverLink":
      return "the servers' links: more servers, or a faster network";
    case "trainerLink":
      return "the trainers' links: a faster network, or batches that the trainers make themselves (--servers 0)";
    case "trainers":
      return "the trainers: batches are there when they are needed";
  }
}

export function predictionLines(cluster: Cluster, prediction: Prediction): string[] {
  const { servers, workers, trainers, ranks, batchSize } = cluster;
  const { rate, dataWait, use } = prediction;
  const threads = counted(workers, "decode thread", "decode threads");
  const where =
    servers === 0 ? `${threads} each, no servers` : `${counted(servers, "server", "servers")} of ${threads}`;
  const who = counted(trainers, ranks ? "rank" : "trainer", ranks ? "ranks" : "trainers");
  const each = trainers > 1 ? `, ${perSecond(rate / trainers)} each` : "";
  const rates = `${perSecond(rate)} images/s${each}; trainers wait for data ${percent(dataWait)} of the time`;
  return [
    ...wrap("cluster    ", `${who}, batches of ${batchSize}${ranks ? " together" : ""}; ${where}`.split(" ")),
    ...wrap("predicted  ", rates.split(" ")),
    "",
    ...(Object.keys(NAMES) as (keyof Use)[])
      .filter((name) => servers > 0 || !["send", "serverLink", "trainerLink"].includes(name))
      .map((name) => `${NAMES[name].padEnd(22)}${percent(use[name]).padStart(5)} busy`),
    "",
    ...wrap("limit      ", adviceOf(cluster, prediction).split(" ")),
  ];
}
