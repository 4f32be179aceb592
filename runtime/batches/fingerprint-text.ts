// Fingerprint text: what identifies a data set, as the text whose SHA-256 is its fingerprint: classes and, of each sample
// in order, name, size and label, and content where its hash is known. Where the samples are does not count.

/** Before the samples. */
export function fingerprintHead(classes: readonly string[], hasContent = false): string {
  const names = classes.map((name) => `${JSON.stringify(name)}\n`).join("");
  return `vitrine data set ${hasContent ? "2, with content" : "1"}\n${classes.length}\n${names}`;
}

export interface FingerprintSample {
  /** The name in JSON, or of a name that is not UTF-8 the bytes in hex, without the quotes that any text has. */
  key: string;
  /** Bytes of its file. */
  size: number;
  /** Class index. */
  label: number;
  /** SHA-256 of its bytes, hex; where the data set has them. */
  sha256?: string | undefined;
}

/** A sample, "/" between the folders of its name. */
export function fingerprintLine({ key, size, label, sha256 }: FingerprintSample): string {
  return `${key} ${size} ${label}${sha256 === undefined ? "" : ` ${sha256}`}\n`;
}
