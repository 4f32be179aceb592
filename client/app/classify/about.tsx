// About: what this page is made of, and where its ideas and its code are.

import { buildFacts } from "../design/build-facts.js";

export function About() {
  const { version, license, code } = buildFacts;
  return (
    <>
      <h3 class="drawer-section">About</h3>
      <p class="quiet">
        {`Vitrine ${version}, ${license}. Its models are vision transformers as in `}
        <a href="https://arxiv.org/abs/2012.12877" rel="noreferrer" target="_blank">
          DeiT
        </a>
        {"; attention is shown by "}
        <a href="https://arxiv.org/abs/2005.00928" rel="noreferrer" target="_blank">
          rollout
        </a>
        .
        {code !== undefined && (
          <>
            {" "}
            <a href={code} rel="noreferrer" target="_blank">
              Code
            </a>
          </>
        )}
      </p>
      <p class="quiet">
        <a href="./train.html">Train on your own pictures</a>, on this computer alone.
      </p>
    </>
  );
}
