// Run mirror: a run in a bucket. The trainer writes to a working folder as ever; after each checkpoint the files that
// changed are written to the bucket under new names, and then run.json is replaced, which is the moment of the commit. A
// process killed at any moment leaves the old run.json with all of its objects, or the new one with all of its own.
//
// run.json is replaced on the condition that it is the one that this process read or wrote last. Of two trainers that take
// themselves for the run's owner, one therefore fails at its next checkpoint; and since no two commits share a name of an
// object, what the loser removes afterwards is never what the winner needs.

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { quote, VitrineError } from "../../runtime/errors.js";
import { LARGEST_WEIGHTS, readFileIfAny } from "../../runtime/host/node-files.js";
import type { OpenRecord, RunRecord } from "../core/run-record.js";
import { type BucketLock, lockBucket } from "./bucket-lock.js";
import type { RunBucket } from "./run-bucket.js";
import {
  type FoundManifest,
  MANIFEST,
  OBJECTS,
  type RunManifest,
  readRunManifest,
  readStored,
  type StoredFile,
  writeManifest,
} from "./run-manifest.js";
import {
  hasContents,
  REPORT,
  readRunFile,
  removeOthers,
  runFiles,
  sha256Of,
  writeRunFile,
} from "./working-folder.js";

export interface RunMirrorOptions {
  bucket: RunBucket;
  /** The working folder. */
  folder: string;
  /** Default 30 s: how long the lock of another machine is watched. */
  silenceMs?: number;
}

const keysOf = ({ files }: RunManifest): Set<string> =>
  new Set([...files.values()].map(({ object }) => object));

export class RunMirror {
  readonly #bucket: RunBucket;
  readonly #folder: string;
  readonly #silenceMs: number | undefined;
  readonly #session = randomBytes(6).toString("hex");
  #commits = 0;
  #lock: BucketLock | null = null;
  /** What the bucket holds; null before the first commit of a new run. */
  #found: FoundManifest | null = null;
  /** Objects that were there before this process wrote any, and that no commit may name. */
  #earlier: string[] = [];
  /** File → its stamp and contents when it was committed. */
  #known = new Map<string, { stamp: string; stored: StoredFile }>();
  #savedStep = 0;
  #hasFailed = false;

  constructor({ bucket, folder, silenceMs }: RunMirrorOptions) {
    this.#bucket = bucket;
    this.#folder = folder;
    this.#silenceMs = silenceMs;
  }

  /**
   * Takes the run, and makes the working folder, which must exist and be locked, equal to it. Does nothing the second time.
   * Throws `usage/out` where a new run would replace one, `checkpoint/missing` where there is none to continue,
   * `usage/run-in-use`, and `network/…`.
   */
  async open(resume: boolean | "if-any", onNotice: (text: string) => void): Promise<void> {
    if (this.#lock !== null) return;
    const { url } = this.#bucket;
    const found = await readRunManifest(this.#bucket);
    if (found !== null && resume === false)
      throw new VitrineError(
        "usage/out",
        `${quote(url)} already contains a run: continue it with --resume, or give another --out`,
      );
    if (found === null && resume === true)
      throw new VitrineError(
        "checkpoint/missing",
        `${quote(url)}: no checkpoint to continue from (${MANIFEST} is missing): correct --out, or leave --resume out ` +
          "to start a run",
      );
    this.#lock = await lockBucket(this.#bucket, { onNotice, silenceMs: this.#silenceMs });
    // While the lock of another process was watched, that one may have written a checkpoint.
    this.#found = found && (await readRunManifest(this.#bucket));
    for await (const name of this.#bucket.list(OBJECTS)) this.#earlier.push(name);
    await this.#restore();
  }

  async #restore(): Promise<void> {
    const files = this.#found?.manifest.files ?? new Map<string, StoredFile>();
    await removeOthers(this.#folder, (name) => files.has(name));
    for (const [name, stored] of files) {
      if (await hasContents(this.#folder, name, stored.sha256)) continue;
      await writeRunFile(this.#folder, name, await readStored(this.#bucket, stored));
    }
    for (const { name, stamp } of await runFiles(this.#folder)) {
      const stored = files.get(name);
      if (stored) this.#known.set(name, { stamp, stored });
    }
  }

  /** A record that writes what `inner` has written to the working folder to the bucket as well. */
  record(inner: RunRecord): RunRecord {
    const mirrored = (opened: OpenRecord): OpenRecord => {
      const after = (write: () => Promise<void>) => async () => {
        await write();
        if (this.#hasFailed) return;
        await this.commit();
        this.#savedStep = opened.saved();
      };
      return {
        ...opened,
        save: after(opened.save),
        saveState: after(opened.saveState),
        saveUnsaved: after(opened.saveUnsaved),
        saved: () => this.#savedStep,
      };
    };
    return {
      ...inner,
      open: async (run) => {
        const opened = await inner.open(run);
        await this.commit();
        this.#savedStep = opened.saved();
        return mirrored(opened);
      },
    };
  }

  /** Writes what changed in the working folder. Throws `usage/run-in-use` where another process wrote the run, and `network/…`. */
  async commit(): Promise<void> {
    try {
      await this.#commit();
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  async #commit(): Promise<void> {
    const before = this.#found?.manifest ?? null;
    const prefix = `${OBJECTS}${this.#session}-${String(this.#commits).padStart(4, "0")}/`;
    /** SHA-256 → the object that has these bytes. */
    const contents = new Map([...(before?.files.values() ?? [])].map((stored) => [stored.sha256, stored]));
    const files = new Map<string, StoredFile>();
    const known = new Map<string, { stamp: string; stored: StoredFile }>();
    for (const { name, stamp } of await runFiles(this.#folder)) {
      const earlier = this.#known.get(name);
      let stored = earlier?.stamp === stamp ? earlier.stored : undefined;
      if (stored === undefined) {
        const bytes = await readRunFile(this.#folder, name);
        const sha256 = sha256Of(bytes);
        stored = contents.get(sha256);
        if (stored === undefined) {
          stored = { object: prefix + name, bytes: bytes.length, sha256 };
          await this.#bucket.write(stored.object, bytes);
          contents.set(sha256, stored);
        }
      }
      files.set(name, stored);
      known.set(name, { stamp, stored });
    }
    const isSame = [...files].every(([name, { object }]) => before?.files.get(name)?.object === object);
    this.#known = known;
    if (before !== null && isSame && before.files.size === files.size) return;
    const manifest: RunManifest = { session: this.#session, commit: this.#commits, files };
    this.#commits++;
    await this.#replace(manifest);
    const kept = keysOf(manifest);
    const unneeded = new Set([...this.#earlier, ...(before ? keysOf(before) : [])]);
    this.#earlier = [];
    // What cannot be removed now, the next process that continues the run removes.
    for (const name of unneeded) if (!kept.has(name)) await this.#bucket.remove(name).catch(() => {});
  }

  /** The commit: from here on a reader finds the new files. */
  async #replace(manifest: RunManifest): Promise<void> {
    const before = this.#found;
    const isOurs = (found: FoundManifest | null, of: RunManifest | undefined): boolean =>
      found?.manifest.session === of?.session && found?.manifest.commit === of?.commit;
    const taken = () =>
      new VitrineError(
        "usage/run-in-use",
        `${quote(this.#bucket.url)}: another trainer has written this run meanwhile: this one ends, the other's ` +
          "checkpoints stay",
      );
    // Not every store knows conditions: of those, this look finds all but a write at the same moment.
    if (!isOurs(await readRunManifest(this.#bucket), before?.manifest)) throw taken();
    const condition =
      before === null ? "absent" : before.etag === undefined ? undefined : { etag: before.etag };
    const written = await this.#bucket.write(MANIFEST, writeManifest(manifest), condition);
    if (written !== null) {
      this.#found = { manifest, etag: written.etag };
      return;
    }
    // A write whose answer was lost is repeated, and then finds its own result.
    const found = await readRunManifest(this.#bucket);
    if (!isOurs(found, manifest)) throw taken();
    this.#found = found;
  }

  async #finish(): Promise<void> {
    await this.commit();
    const report = await readFileIfAny(join(this.#folder, REPORT), LARGEST_WEIGHTS);
    if (report !== null) await this.#bucket.write(REPORT, report);
  }

  /**
   * Writes what is left, the log and the report, releases the run, and removes the working folder where the bucket has all
   * of it. A run that failed because of the bucket stays in the working folder.
   */
  async close(): Promise<void> {
    if (this.#lock === null) return;
    try {
      // Before its first checkpoint a run leaves nothing.
      if (this.#hasFailed) return;
      if (this.#found !== null) await this.#finish();
      await rm(this.#folder, { recursive: true, force: true });
    } finally {
      await this.#lock.release();
    }
  }
}
