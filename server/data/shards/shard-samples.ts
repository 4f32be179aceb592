// Shard samples: the pictures of a tar shard with their labels, as WebDataset lays them out: entries in a row whose names
// are equal up to the first dot belong together, "n01/x.jpg" and "n01/x.cls".

import { isVitrineError, quote } from "../../../runtime/errors.js";
import { nameText, PICTURE_NAME } from "../file-names.js";
import { OtherFiles } from "../other-files.js";
import { readTarEntries, type TarEntry, type TarSource } from "./tar-entries.js";

/** Where labels are: `auto` is a `.cls` or `.json` entry beside the picture if the first one has one, else the folder. */
export const LABEL_SOURCES = ["auto", "cls", "json", "folder"] as const;
export type LabelSource = (typeof LABEL_SOURCES)[number];

export interface ShardSample {
  name: Uint8Array;
  offset: number;
  size: number;
  /** Of an entry beside it. */
  label?: string;
}

/** What a shard has. */
export interface ScannedShard {
  samples: ShardSample[];
  others: OtherFiles;
  /** Samples that cannot be used, one line each. */
  faults: string[];
  /** Why the rest of the shard could not be read. */
  damage?: Error;
}

const LARGEST_CLS = 4096;
const LARGEST_JSON = 2 ** 20;
/**
 * A sample has a few entries. More of one key are pictures whose names share what is before their first dot,
 * "img.00001.jpg": they are added in pieces, so that an archive of any length takes no more memory than its samples.
 */
const MOST_PARTS = 1000;

interface Part {
  entry: TarEntry;
  /** Behind the first dot, in lower case: "jpg", "seg.png". */
  extension: string;
  /** Label that the entry has, of one that is there for that. */
  label?: string | undefined;
  /** Why it cannot have one. */
  fault?: string;
}

/** Key and extension of an entry, or null for hidden ones. */
function splitName(name: Uint8Array): { key: string; extension: string } | null {
  const text = Buffer.from(name).toString("latin1");
  if (text === "" || /(?:^|\/)\./.test(text)) return null;
  const dot = text.indexOf(".", text.lastIndexOf("/") + 1);
  if (dot < 0) return { key: text, extension: "" };
  return { key: text.slice(0, dot), extension: text.slice(dot + 1).toLowerCase() };
}

function jsonLabel(bytes: Uint8Array): string | undefined {
  try {
    const { label, cls } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
    const value = label ?? cls;
    return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
  } catch {
    return undefined;
  }
}

/** Collects the samples of one shard. */
class ShardScan implements ScannedShard {
  readonly samples: ShardSample[] = [];
  readonly others = new OtherFiles();
  readonly faults: string[] = [];
  damage?: Error;
  readonly #source: TarSource;
  readonly #labelFrom: LabelSource;

  constructor(source: TarSource, labelFrom: LabelSource) {
    this.#source = source;
    this.#labelFrom = labelFrom;
  }

  /** An entry with its label. It is read at once, so that a source is read forward. */
  async part(entry: TarEntry, extension: string): Promise<Part> {
    const from = this.#labelFrom;
    const isFor = (kind: LabelSource): boolean => extension === kind && (from === "auto" || from === kind);
    const most = isFor("cls") ? LARGEST_CLS : isFor("json") ? LARGEST_JSON : undefined;
    if (most === undefined) return { entry, extension };
    if (entry.size > most) {
      const [size, limit] = [entry.size, most].map((bytes) => bytes.toLocaleString("en-US"));
      return { entry, extension, fault: `a label's entry of ${size} bytes; allowed: ${limit}` };
    }
    const bytes = await this.#source.read(entry.offset, entry.size);
    return {
      entry,
      extension,
      label: most === LARGEST_CLS ? Buffer.from(bytes).toString().trim() : jsonLabel(bytes),
    };
  }

  /** Adds the entries that belong together. */
  add(parts: readonly Part[]): void {
    if (parts.length === 0) return;
    const labelOf = (kind: string) => parts.find(({ extension }) => extension === kind)?.label;
    const label = labelOf("cls") ?? labelOf("json");
    const large = parts.find(({ fault }) => fault !== undefined);
    if (label === undefined && large) {
      this.faults.push(`${quote(nameText(large.entry.name))}: ${large.fault}`);
      return;
    }
    const pictures = parts.filter(({ extension }) => PICTURE_NAME.test(`.${extension}`));
    for (const { extension } of parts)
      if (extension !== "cls" && extension !== "json" && !PICTURE_NAME.test(`.${extension}`))
        this.others.addKind(extension === "" ? "without an ending" : `.${extension}`);
    const sample = ({ entry: { name, offset, size } }: Part): ShardSample => ({ name, offset, size });
    if (label === undefined) {
      for (const picture of pictures) this.samples.push(sample(picture));
      return;
    }
    // "x.jpg" is the picture, "x.seg.png" something that belongs to it.
    const plain = pictures.filter(({ extension }) => !extension.includes("."));
    const [picture, ...more] = plain.length > 0 ? plain : pictures;
    const first = quote(nameText(parts[0].entry.name));
    if (picture === undefined) this.faults.push(`${first}: no picture of that name beside its label`);
    else if (more.length > 0) this.faults.push(`${first}: ${1 + more.length} pictures of one name`);
    else this.samples.push({ ...sample(picture), label });
  }

  /** A picture that would otherwise be missing without a word. */
  addLink({ name }: TarEntry): void {
    this.faults.push(
      `${quote(nameText(name))}: a link, which has no content: write the archive with --dereference --hard-dereference`,
    );
  }
}

/** Reads a shard's headers and labels. A shard that is damaged has what is before the damage. */
export async function scanShard(
  source: TarSource,
  name: string,
  labelFrom: LabelSource,
): Promise<ScannedShard> {
  const scan = new ShardScan(source, labelFrom);
  let key: string | undefined;
  let parts: Part[] = [];
  try {
    for await (const entry of readTarEntries(source, name)) {
      const split = splitName(entry.name);
      if (split === null) continue;
      if (!entry.isFile) {
        if (entry.isLink && PICTURE_NAME.test(`.${split.extension}`)) scan.addLink(entry);
        continue;
      }
      if (split.key !== key || parts.length === MOST_PARTS) {
        scan.add(parts);
        parts = [];
        key = split.key;
      }
      parts.push(await scan.part(entry, split.extension));
    }
    scan.add(parts);
  } catch (error) {
    if (!isVitrineError(error) || error.code !== "data/bad-shard") throw error;
    scan.damage = error;
  }
  return scan;
}
