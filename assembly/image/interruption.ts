// Interruption: in a long call the host is asked now and then whether the result is still wanted. Where it is not, the
// import throws, which ends the call and leaves this instance unusable.

/** Import of the host (module `interruption`): returns where the call is still wanted, and throws where it is not. */
declare function askHost(): void;

/** Bytes of pixels between two questions, a few milliseconds of work: a small picture never asks. */
const INTERVAL: usize = 1 << 20;

let done: usize = 0;

/** Counts `bytes` bytes of pixels that were read or written. Once per row of units or pixels, not within one. */
export function noteWork(bytes: usize): void {
  done += bytes;
  if (done < INTERVAL) return;
  done = 0;
  askHost();
}
