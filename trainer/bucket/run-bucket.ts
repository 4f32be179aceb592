// Run bucket: what a run needs of an object store that keeps it: whole objects under names, one of which can be replaced on
// the condition that nobody else has. Types only.

/** Names are relative to RUN, with slashes. Every function throws `network/…` after its own retries. */
export interface RunBucket {
  /** URL of RUN, without a slash at its end. */
  readonly url: string;
  /** Null where there is no such object. Throws `file/unreadable` above `most` bytes. */
  read(name: string, most: number): Promise<{ bytes: Uint8Array; etag: string | undefined } | null>;
  /** Null where the condition is not met. A store that knows no conditions writes in any case. */
  write(
    name: string,
    bytes: Uint8Array,
    condition?: "absent" | { etag: string },
  ): Promise<{ etag: string | undefined } | null>;
  remove(name: string): Promise<void>;
  list(below: string): AsyncGenerator<string>;
}
