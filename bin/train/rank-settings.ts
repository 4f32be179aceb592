// Rank settings: which of a run's ranks this process is, from its flags or from the variables that torchrun, Kubeflow and
// Kubernetes's Indexed Jobs set.

import type { Command } from "commander";
import { Option } from "commander";
import type { Transport } from "../../client/node/collective/contract.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { decimalNumber, wholeNumber } from "../options.js";

/** A run of more processes than that is a mistake. */
const MOST_RANKS = 1024;
const MASTER_PORT = 29_500;

export interface RankFlags {
  checkpointEvery: number;
  processes: number;
  rank?: number;
  world?: number;
  master?: string;
  waitForRanks: number;
  ranksTimeout: number;
  ranksListen?: string;
  ranksAdvertise?: string;
  ringTransport: Transport;
  ranksTlsCert?: string;
  ranksTlsKey?: string;
  ranksTlsCa?: string;
  ranksTokenFile?: string;
}

export interface RankSettings {
  /** Of this process. */
  rank: number;
  world: number;
  /** HOST:PORT of rank 0; null: a free port of this machine, which rank 0 chooses. */
  master: string | null;
  /** Ranks of this machine: this process, and those that it starts. */
  processes: number;
  /** Where they are from, for people; null: from flags. */
  origin: string | null;
}

/** `say` gets what the other ranks of this machine write; `threads`: of each rank. */
export interface RankedRun {
  flags: RankFlags;
  ranks: RankSettings;
  threads: number | "auto";
  interruption: AbortSignal;
  say(line: string): void;
}

type Variables = Readonly<Record<string, string | undefined>>;

function numberOf(variables: Variables, name: string): number | undefined {
  const text = variables[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new VitrineError("usage/rank", `${name} is "${quote(text)}"; allowed: a whole number from 0`);
}

interface FoundRank {
  rank: number;
  world: number | undefined;
  host: string | undefined;
  port: number | undefined;
  processes: number | undefined;
  origin: string;
}

/** What a launcher says of this process; null where none does. */
function fromLauncher(variables: Variables): FoundRank | null {
  const host = variables.MASTER_ADDR;
  const port = numberOf(variables, "MASTER_PORT");
  const world = numberOf(variables, "WORLD_SIZE");
  const rank = numberOf(variables, "RANK");
  if (rank !== undefined && world !== undefined)
    return { rank, world, host, port, processes: undefined, origin: "RANK and WORLD_SIZE" };
  const node = numberOf(variables, "PET_NODE_RANK");
  const nodes = numberOf(variables, "PET_NNODES");
  if (node !== undefined && nodes !== undefined) {
    // "auto", "cpu" and "gpu" count devices; a process uses all of a machine here.
    const each = /^\d+$/.test(variables.PET_NPROC_PER_NODE ?? "") ? Number(variables.PET_NPROC_PER_NODE) : 1;
    return {
      rank: node * each,
      world: nodes * each,
      host: variables.PET_MASTER_ADDR ?? host,
      port: numberOf(variables, "PET_MASTER_PORT") ?? port,
      processes: each,
      origin: "PET_NODE_RANK and PET_NNODES",
    };
  }
  if (rank === undefined && world !== undefined && world > 1 && variables.JOB_COMPLETION_INDEX === undefined)
    throw new VitrineError(
      "usage/rank",
      `WORLD_SIZE is ${world}, but nothing says which rank this process is: set RANK as well, or give --rank`,
    );
  const index = numberOf(variables, "JOB_COMPLETION_INDEX");
  if (index === undefined || (world === undefined && host === undefined)) return null;
  return { rank: index, world, host, port, processes: undefined, origin: "JOB_COMPLETION_INDEX" };
}

/** A line where a launcher says less than a rank needs: the process then trains the whole run by itself. */
export function aloneNotice(variables: Variables = process.env): string | null {
  const { JOB_COMPLETION_INDEX: index, WORLD_SIZE: world } = variables;
  if (index === undefined || world !== undefined) return null;
  return `JOB_COMPLETION_INDEX is ${quote(index)}, but neither WORLD_SIZE nor --world is set: this process trains the whole run alone`;
}

/** Null for a run of one process. Throws `usage/rank`, `usage/command-line`. */
export function rankSettings(flags: RankFlags, variables: Variables = process.env): RankSettings | null {
  const found = flags.rank === undefined && flags.processes === 1 ? fromLauncher(variables) : null;
  const processes = found?.processes ?? flags.processes;
  const rank = flags.rank ?? found?.rank ?? 0;
  const world = flags.world ?? found?.world ?? Math.max(processes, 1);
  if (world === 1 && flags.master === undefined) return null;
  if (flags.rank === undefined && found === null && world > processes)
    throw new VitrineError(
      "usage/rank",
      `a world of ${world} has more ranks than this machine's ${processes}: say which this process is (--rank)`,
      { details: { world, processes } },
    );
  if (rank + processes > world)
    throw new VitrineError(
      "usage/rank",
      `ranks ${rank} to ${rank + processes - 1} of a world of ${world}: ranks count from 0, and --world is the number of ` +
        "all of them (--rank, --world, --processes)",
      { details: { rank, processes, world } },
    );
  const host = found?.host;
  const master =
    flags.master ??
    (host === undefined ? null : `${host.includes(":") ? `[${host}]` : host}:${found?.port ?? MASTER_PORT}`);
  if (master === null && (rank > 0 || world > processes))
    throw new VitrineError(
      "usage/command-line",
      `rank ${rank} of ${world} must know where rank 0 is: give --master HOST:PORT, or MASTER_ADDR in the environment`,
    );
  return { rank, world, master, processes, origin: found?.origin ?? null };
}

export function addRankOptions(command: Command): void {
  const ranks = wholeNumber("--world", { min: 1, max: MOST_RANKS });
  command
    .optionsGroup("Several processes:")
    .option(
      "--processes <n>",
      "ranks on this machine, which divide its cores",
      wholeNumber("--processes", { min: 1, max: MOST_RANKS }),
      1,
    )
    .option(
      "--rank <n>",
      "first rank of this machine (default: RANK, PET_NODE_RANK or JOB_COMPLETION_INDEX)",
      wholeNumber("--rank", { min: 0, max: MOST_RANKS - 1 }),
    )
    .option("--world <n>", "ranks of all machines (default: WORLD_SIZE, PET_NNODES, or --processes)", ranks)
    .option("--master <address>", "HOST:PORT of rank 0 (default: MASTER_ADDR and MASTER_PORT)")
    .option(
      "--wait-for-ranks <s>",
      "seconds to wait for all ranks, at the start as after a loss, before those that are there go on",
      decimalNumber("--wait-for-ranks", { min: 0 }),
      300,
    )
    .option(
      "--ranks-timeout <s>",
      "seconds of silence after which a rank is lost",
      decimalNumber("--ranks-timeout", { min: 1 }),
      30,
    )
    .option(
      "--ranks-listen <address>",
      "HOST:PORT where the other ranks reach this one (default: any free port)",
    )
    .option("--ranks-advertise <address>", "the same as they see it, where that differs")
    .addOption(
      new Option("--ring-transport <type>", "how gradients travel; halves round alike on every rank")
        .choices(["float32", "float16", "bfloat16"])
        .default("float32"),
    )
    .option("--ranks-tls-cert <file>", "certificate of this rank (PEM): ranks then talk by TLS")
    .option("--ranks-tls-key <file>", "its private key (PEM)")
    .option("--ranks-tls-ca <file>", "CA of the certificates of all ranks (PEM), which each must then show")
    .option("--ranks-token-file <file>", "file of the token that ranks show each other");
}
