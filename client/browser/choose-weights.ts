// Choose weights: of the files that a config.json offers with the same weights in several formats, the one for this
// visitor.

import type { WeightsFile } from "../../runtime/host/browser-source.js";
import { WEIGHTS_FILE } from "../../runtime/host/host.js";
import { isFields, parseFields, refuse } from "../../runtime/models/config-fields.js";
import type { WeightsDtype } from "./contract.js";

/** `weight_files` of config.json: format → file beside it. */
export interface OfferedFile {
  dtype: string;
  file: string;
  bytes: number;
  sha256?: string;
}

/** The part of the Network Information API in use; Chromium has it. */
export interface Connection {
  saveData?: boolean;
  effectiveType?: string;
  /** Megabits a second. */
  downlink?: number;
}

/** Longer than that, a visitor turns to something else. */
const PATIENCE_SECONDS = 10;
/** From the most exact. */
const ORDER = ["float32", "float16", "int8"];
const FILE = /^[A-Za-z0-9_][\w.-]{0,127}\.safetensors$/;
const SUBJECT = "config.json: weight_files";

function readOffer(dtype: string, value: unknown): OfferedFile {
  const { file, bytes, sha256 } = isFields(value) ? value : {};
  if (typeof file !== "string" || !FILE.test(file))
    throw refuse(SUBJECT, `${dtype}.file`, file, "the name of a .safetensors file beside it");
  if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes < 1)
    throw refuse(SUBJECT, `${dtype}.bytes`, bytes, "a whole number, at least 1");
  if (sha256 === undefined) return { dtype, file, bytes };
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256))
    throw refuse(SUBJECT, `${dtype}.sha256`, sha256, "64 hexadecimal digits");
  return { dtype, file, bytes, sha256 };
}

/** The files that a config.json offers, the most exact first; none where it has no `weight_files`. Throws `model/config`. */
export function offeredFiles(config: string): OfferedFile[] {
  if (config === "") return [];
  const { weight_files: offered } = parseFields(config, "config.json");
  if (offered === undefined || offered === null) return [];
  if (!isFields(offered)) throw refuse(SUBJECT, "weight_files", offered, "an object of files by format");
  return ORDER.filter((dtype) => dtype in offered).map((dtype) => readOffer(dtype, offered[dtype]));
}

const SLOW = ["slow-2g", "2g", "3g"];

/**
 * `auto`: what an earlier visit has kept, else the most exact file that the connection brings within 10 s, or the
 * smallest. Browsers that say nothing about the connection get the most exact. Undefined: none is offered in the format.
 */
export async function chooseFile(
  offered: readonly OfferedFile[],
  dtype: WeightsDtype,
  connection: Connection | undefined,
  isKept: (file: string) => Promise<boolean>,
): Promise<OfferedFile | undefined> {
  if (dtype !== "auto") return offered.find((each) => each.dtype === dtype);
  for (const each of offered) if (await isKept(each.file)) return each;
  const smallest = offered.reduce<OfferedFile | undefined>(
    (least, each) => (least && least.bytes <= each.bytes ? least : each),
    undefined,
  );
  const { saveData = false, effectiveType = "", downlink } = connection ?? {};
  if (saveData || SLOW.includes(effectiveType)) return smallest;
  if (!downlink) return offered[0];
  const seconds = ({ bytes }: OfferedFile) => (8 * bytes) / 1e6 / downlink;
  return offered.find((each) => seconds(each) <= PATIENCE_SECONDS) ?? smallest;
}

/**
 * The files of the weights in the order in which they are tried: a folder may have been copied without all that its
 * config.json offers. `sha256`, which the caller knows, decides before the connection does: the offered file that it
 * names, else the one of a named format that config.json gives no SHA-256, else model.safetensors.
 */
export async function filesToTry(
  offered: readonly OfferedFile[],
  { dtype, sha256 }: { dtype: WeightsDtype; sha256?: string | undefined },
  connection: Connection | undefined,
  isKept: (file: string) => Promise<boolean>,
): Promise<WeightsFile[]> {
  const chosen =
    sha256 === undefined
      ? await chooseFile(offered, dtype, connection, isKept)
      : (offered.find((each) => each.sha256 === sha256) ??
        offered.find((each) => each.dtype === dtype && each.sha256 === undefined));
  const plain = offered.find(({ file }) => file === WEIGHTS_FILE);
  const files: WeightsFile[] = chosen ? [{ file: chosen.file, expected: chosen }] : [];
  if (chosen?.file !== WEIGHTS_FILE) files.push({ file: WEIGHTS_FILE, ...(plain && { expected: plain }) });
  return files;
}
