// Validation source: the validation images of a training, from a server or from files whose headers are checked first.

import type { EvaluationSource } from "../../runtime/batches/batch-source.js";
import { displayPath } from "../../runtime/batches/data-path.js";
import type { VitrineError } from "../../runtime/errors.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import type { Progress } from "../../trainer/core/progress-report.js";
import type { ValidationRequest } from "../../trainer/core/run.js";
import { remoteSettings } from "../remote-options.js";
import { connectionSecurity } from "../security-options.js";
import { isRemoteData, openRemoteValidation } from "../validation-data.js";
import { type TrainFlags, VALIDATION_WORKERS } from "./flags.js";

/** Headers of a slow disk's files are checked no longer than this. */
const HEADER_SECONDS = 15;

/** Validation images whose headers are in order; each bad file is named once, whenever it is found. */
export async function openValidation(
  request: ValidationRequest,
  { maxPixels: pixelLimit, dataTimeout, ...flags }: TrainFlags,
  progress: Progress,
): Promise<EvaluationSource> {
  const { path, signal, badSamples, ...asked } = request;
  if (isRemoteData(path)) {
    const say = (line: string) => progress.say(line);
    const server = { place: path, timeoutSeconds: dataTimeout, say, ...connectionSecurity(flags) };
    return openRemoteValidation({ ...asked, ...server }, "--val");
  }
  const named = new Set<unknown>();
  const say =
    (what: string) =>
    ({ message, details }: VitrineError): void => {
      if (!named.has(details.file)) progress.say(`${what}: ${message}`);
      named.add(details.file);
    };
  const reading = { pixelLimit, onSkipped: say("left out"), onKept: say("kept in part") };
  const input = { path, badSamples, remote: remoteSettings(flags), ...asked };
  const source = await openEvaluation({ ...input, workers: VALIDATION_WORKERS, ...reading });
  try {
    const onNotice = (text: string) => progress.say(`${displayPath(request.path)}: ${text}`);
    await source.checkHeaders({ seconds: HEADER_SECONDS, signal, onNotice });
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}
