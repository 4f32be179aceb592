// Stage: the picture in its frame, or the invitation to bring one.

import { useSignal } from "@preact/signals";
import { Button } from "../design/button.js";
import type { Picture } from "./pictures.js";

interface StageProps {
  picture: Picture | undefined;
  choose(): void;
}

export function Stage({ picture, choose }: StageProps) {
  return (
    <figure id="picture" class="stage">
      <div class="frame">
        {picture ? <Shown key={picture.url} picture={picture} /> : <Invitation choose={choose} />}
        <p class="let-go" aria-hidden="true">
          Drop it to see what it shows
        </p>
      </div>
      {picture && (
        <figcaption class="caption">
          <span class="file-name" id="file-name">
            {picture.name}
          </span>
          <Button weight="small" id="another" onClick={choose}>
            Choose another
          </Button>
        </figcaption>
      )}
    </figure>
  );
}

/** A file of a format that the browser itself cannot show is classified all the same. */
function Shown({ picture }: { picture: Picture }) {
  const displayable = useSignal(true);
  if (!displayable.value) return <p class="quiet">This browser cannot show this file.</p>;
  return (
    <img
      class="photograph"
      id="photograph"
      src={picture.url}
      alt={`The photograph ${picture.name}`}
      onError={() => {
        displayable.value = false;
      }}
    />
  );
}

function Invitation({ choose }: { choose(): void }) {
  return (
    <div class="invitation" id="invitation">
      <p class="invitation-line">What does your photograph show?</p>
      <p class="invitation-ways">Drop it here, paste it, or</p>
      <Button weight="primary" id="choose" onClick={choose}>
        Choose a photograph
      </Button>
    </div>
  );
}
