// Validation data: a path, or the data servers that have it.

import { resolve } from "node:path";
import { type ConnectionSecurity, connectEvaluation } from "../client/node/index.js";
import type { EvaluationSource } from "../runtime/batches/batch-source.js";
import { isRemote } from "../runtime/batches/data-path.js";
import type { EvaluationPart } from "../runtime/batches/evaluation-order.js";
import { quote } from "../runtime/errors.js";
import type { InputTransform } from "../runtime/image/input-transform.js";

const SCHEME = "grpc://";

/** `grpc://HOST:PORT`, with several addresses after it: data servers. Any other text is a path, or a URL that this process reads. */
export const isRemoteData = (text: string): boolean => text.startsWith(SCHEME);

/** A path made absolute, so that it keeps its meaning when a run is resumed from another folder. */
export const validationPlace = (text: string): string =>
  isRemoteData(text) || isRemote(text) ? text : resolve(text);

export interface RemoteValidation extends InputTransform, EvaluationPart, ConnectionSecurity {
  /** `grpc://` and addresses as --data-server takes them. */
  place: string;
  timeoutSeconds: number;
  /** Receives a line when a server is away or back, and one for each file that it could not read. */
  say(line: string): void;
  onSkipped?(): void;
}

/** Throws as `connectEvaluation`. */
export function openRemoteValidation(options: RemoteValidation, flag: string): Promise<EvaluationSource> {
  const { place, say, onSkipped, ...asked } = options;
  const named = new Set<string>();
  return connectEvaluation({
    ...asked,
    flag,
    address: isRemoteData(place) ? place.slice(SCHEME.length) : place,
    onNotice: say,
    onSkipped: (file) => {
      onSkipped?.();
      if (!named.has(file)) say(`left out: ${quote(file)}: the data server cannot read it`);
      named.add(file);
    },
  });
}
