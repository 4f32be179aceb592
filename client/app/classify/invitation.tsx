// Invitation: what the empty case shows: the ways to bring a picture, and drawn samples for those who have none at hand.

import type { PageState } from "./page-state.js";
import { SAMPLES } from "./samples.js";
import { Ways } from "./ways.js";

export function Invitation({ page }: { page: PageState }) {
  return (
    <div class="invitation" id="invitation">
      <h2 class="invitation-line">What does your picture show?</h2>
      <p class="invitation-ways">Drop or paste one anywhere here, or a whole folder.</p>
      <Ways page={page} inviting />
      <h3 class="invitation-samples">Or look at one of these</h3>
      <ul class="samples">
        {SAMPLES.map((sample) => (
          <li key={sample.name}>
            <button type="button" class="sample" onClick={() => void page.receiveSample(sample)}>
              <img class="sample-picture" src={sample.url} alt="" width={160} height={120} />
              <span class="sample-name">{sample.name}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
