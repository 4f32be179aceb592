// Request of `vitrine train`: the run that its flags, and a configuration file, ask for.

import { nodeHost } from "../../runtime/host/node.js";
import type { OptionValue } from "../../trainer/core/option-kinds.js";
import type { RunRequest } from "../../trainer/core/run.js";
import { recordedPath, recordedRemoteFlags } from "../remote-options.js";
import { connectionFlags } from "../security-options.js";
import { validationPlace } from "../validation-data.js";
import type { TrainFlags } from "./flags.js";
import type { RankSettings } from "./rank-settings.js";

export interface RunPlan {
  configured: Map<string, OptionValue>;
  /** Null: one process. */
  ranks: RankSettings | null;
}

/**
 * A data server on this machine, or decode threads of this process, take one of its cores: `auto` leaves it to them. The
 * ranks of a machine divide its cores.
 */
function threadsBeside({ dataServer, threads }: TrainFlags, processes = 1): number | "auto" {
  if (threads === "auto" && processes > 1) return Math.max(1, Math.floor(nodeHost().cores() / processes));
  const local = dataServer === undefined || /^(unix:|127\.|localhost:|\[::1\])/.test(dataServer);
  return threads === "auto" && local ? Math.max(1, nodeHost().cores() - 1) : threads;
}

/** `given`: the settings of the command line, with models that are here. */
export function requestOf(
  flags: TrainFlags,
  { configured, ranks }: RunPlan,
  given: Map<string, OptionValue>,
): RunRequest {
  // A piece for each rank, unless it is said: pieces are the run's, whichever ranks compute them later.
  const isNew = ranks?.rank === 0 && flags.resume !== true;
  if (isNew && !given.has("--accumulate") && !configured.has("--accumulate"))
    given.set("--accumulate", ranks.world);
  return {
    out: flags.out,
    resume: flags.resume ?? (flags.resumeIfAny === true && "if-any"),
    given,
    configured,
    command: {
      ...(flags.data === undefined ? {} : { data: recordedPath(flags.data), workers: flags.workers }),
      ...(flags.badSamples === undefined ? {} : { "bad-samples": flags.badSamples }),
      "max-pixels": flags.maxPixels,
      ...recordedRemoteFlags(flags),
      ...(flags.dataServer === undefined ? {} : { "data-server": flags.dataServer }),
      ...(flags.dataCredit === undefined ? {} : { "data-credit": flags.dataCredit }),
      "data-timeout": flags.dataTimeout,
      ...connectionFlags(flags),
      "teacher-timeout": flags.teacherTimeout,
      "checkpoint-every": flags.checkpointEvery,
      "keep-best": flags.keepBest,
    },
    validation: flags.val === undefined ? null : validationPlace(flags.val),
    badSamples: flags.badSamples ?? null,
    acceptData: flags.acceptData ?? false,
    checkpointEvery: flags.checkpointEvery,
    keepBest: flags.keepBest,
    device: flags.device ?? null,
    gpuTier: flags.gpuTier ?? null,
    teacherTimeout: flags.teacherTimeout,
    threads: threadsBeside(flags, ranks?.processes),
  };
}
