// Strip: all pictures in a row below the one on display, to walk through them.

import { useEffect, useRef } from "preact/hooks";
import { Button } from "../design/button.js";
import type { Pictures } from "./pictures.js";
import { Thumbnail } from "./thumbnail.js";

/** Of long collections, the part around the picture on display. */
const MOST = 40;

export function Strip({ pictures }: { pictures: Pictures }) {
  const all = pictures.all.value;
  const shown = pictures.shown.value;
  const current = useRef<HTMLButtonElement>(null);
  useEffect(() => current.current?.scrollIntoView({ block: "nearest", inline: "nearest" }), [shown]);
  if (all.length < 2 || !shown) return null;
  const place = all.indexOf(shown);
  const from = Math.max(0, Math.min(place - MOST / 2, all.length - MOST));
  return (
    <nav class="strip" aria-label="All pictures">
      <Button weight="small" id="all" onClick={() => pictures.show(undefined)}>
        {`All ${all.length}`}
      </Button>
      <ul class="strip-pictures">
        {all.slice(from, from + MOST).map((picture) => (
          <li key={picture.id}>
            <button
              type="button"
              ref={picture === shown ? current : undefined}
              class="strip-picture"
              aria-label={picture.name}
              aria-current={picture === shown ? "true" : undefined}
              onClick={() => pictures.show(picture)}
            >
              <Thumbnail picture={picture} />
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
