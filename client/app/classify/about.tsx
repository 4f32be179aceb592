// About: what this page is made of, and where its ideas and its code are.

/** What the build knows of the package; `code` where package.json has a homepage. */
declare const VITRINE: { version: string; license: string; code?: string };

export function About() {
  return (
    <>
      <h3 class="drawer-section">About</h3>
      <p class="quiet">
        {`Vitrine ${VITRINE.version}, ${VITRINE.license}. Its models are vision transformers as in `}
        <a href="https://arxiv.org/abs/2012.12877" rel="noreferrer" target="_blank">
          DeiT
        </a>
        {"; attention is shown by "}
        <a href="https://arxiv.org/abs/2005.00928" rel="noreferrer" target="_blank">
          rollout
        </a>
        .
        {VITRINE.code !== undefined && (
          <>
            {" "}
            <a href={VITRINE.code} rel="noreferrer" target="_blank">
              Code
            </a>
          </>
        )}
      </p>
    </>
  );
}
