// Choice of ranks: which of the members that are there make the next group, and in which order. Pure, so that it can be
// tested without a network.

/** A member that is ready. */
export interface Candidate {
  /** The process of the rendezvous. */
  isMaster: boolean;
  /** The rank that it would like to have. */
  wish: number | null;
  /** Members count from 0 as they come. */
  order: number;
  /** The last complete step of which it has the state; -1: none. */
  step: number;
}

/** The largest size of a group of at most `most` ranks that divides the pieces. */
export function groupSize(most: number, pieces: number): number {
  let size = Math.min(most, pieces);
  while (pieces % size !== 0) size--;
  return size;
}

const byWish = (a: Candidate, b: Candidate): number =>
  Number(b.isMaster) - Number(a.isMaster) ||
  (a.wish ?? Number.POSITIVE_INFINITY) - (b.wish ?? Number.POSITIVE_INFINITY) ||
  a.order - b.order;

/**
 * The members of the next group in the order of their ranks, the master first. Where there are more than fit, those with
 * the newest state go before the others, and then those with the lowest wish.
 */
export function chooseRanks<Member extends Candidate>(
  ready: readonly Member[],
  world: number,
  pieces: number,
): Member[] {
  const size = groupSize(Math.min(ready.length, world), pieces);
  const newest = Math.max(...ready.map(({ step }) => step));
  const isBehind = ({ step }: Candidate): number => Number(step < newest);
  const preferred = ready.toSorted(
    (a, b) => Number(b.isMaster) - Number(a.isMaster) || isBehind(a) - isBehind(b) || byWish(a, b),
  );
  return preferred.slice(0, size).sort(byWish);
}

/** Rank with the newest state, the lowest of several, and its step. */
export function newestOf(chosen: readonly Candidate[]): { source: number; step: number } {
  const step = Math.max(...chosen.map((member) => member.step));
  return { source: chosen.findIndex((member) => member.step === step), step };
}
