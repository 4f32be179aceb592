// Notice: something did not work. It says what, what helps, and offers the step itself where the page can take it.

import { Button } from "./button.js";

/** What went wrong, in a visitor's words. */
export interface Failure {
  line: string;
  advice: string;
  /** Trying again cannot help: the file is what it is. */
  permanent?: boolean;
}

interface NoticeProps extends Failure {
  /** What it is about, such as the name of a file. */
  about: string;
  retry?: { label: string; run(): void };
}

export function Notice({ about, line, advice, permanent, retry }: NoticeProps) {
  return (
    <div class="notice" id="failure">
      <p class="quiet">{about}</p>
      <p class="notice-line" id="failure-line">
        {line}
      </p>
      <p class="quiet">{advice}</p>
      {retry && !permanent && <Button onClick={retry.run}>{retry.label}</Button>}
    </div>
  );
}
