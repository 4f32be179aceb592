// Fair places: who gives way when the places of a queue are taken. While one caller alone waits, it may have all of them.
// Where others come, each may have an equal share of the images and of the bytes: a newcomer within its share takes the
// places of the newest requests of the caller that has most.

/** What a request takes: images that wait, and bytes. */
export interface Size {
  images: number;
  bytes: number;
}

/** A request in the queue. */
export interface Place {
  caller: string;
  /** Images that wait. */
  readonly images: number;
  bytes: number;
  /** Nothing of it has been computed: it can give way. */
  readonly isWaiting: boolean;
}

const RESOURCES = ["images", "bytes"] as const;

/** What each caller has. */
function heldBy(places: Iterable<Place>): Map<string, Size> {
  const held = new Map<string, Size>();
  for (const { caller, images, bytes } of places) {
    const before = held.get(caller) ?? { images: 0, bytes: 0 };
    held.set(caller, { images: before.images + images, bytes: before.bytes + bytes });
  }
  return held;
}

/**
 * The requests that must leave so that a newcomer fits within `limits`, the newest first; undefined where it has no
 * claim to their places, or where none can leave. `places`: in the order of their arrival.
 */
export function givingWay<P extends Place>(
  places: Iterable<P>,
  newcomer: Size & { caller: string },
  limits: Size,
): P[] | undefined {
  const held = heldBy(places);
  const own = held.get(newcomer.caller) ?? { images: 0, bytes: 0 };
  held.delete(newcomer.caller);
  const callers = held.size + 1;
  const shareOf = (resource: keyof Size) => Math.floor(limits[resource] / callers);
  if (RESOURCES.some((resource) => own[resource] + newcomer[resource] > shareOf(resource))) return undefined;
  const candidates = [...places].filter(({ isWaiting }) => isWaiting).reverse();
  const leaving: P[] = [];
  for (const resource of RESOURCES) {
    const total = () =>
      [...held.values()].reduce((sum, size) => sum + size[resource], own[resource] + newcomer[resource]);
    while (total() > limits[resource]) {
      const [greediest, has] = [...held].reduce((most, each) =>
        each[1][resource] > most[1][resource] ? each : most,
      );
      const at = candidates.findIndex((place) => place.caller === greediest && place[resource] > 0);
      if (at < 0 || has[resource] <= shareOf(resource)) return undefined;
      const [place] = candidates.splice(at, 1);
      leaving.push(place);
      held.set(greediest, { images: has.images - place.images, bytes: has.bytes - place.bytes });
    }
  }
  return leaving;
}
