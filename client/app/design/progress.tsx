// Progress: a bar between a line that names what goes on and one that counts it. Announced at every quarter.

import { useId } from "preact/hooks";

interface ProgressProps {
  label: string;
  /** 0 to 1; undefined where the end is not known. */
  fraction: number | undefined;
  /** Such as "3.1 MB of 22.9 MB". */
  detail?: string;
}

export function Progress({ label, fraction, detail }: ProgressProps) {
  const id = useId();
  const quarter = fraction === undefined ? 0 : Math.floor(fraction * 4) * 25;
  return (
    <div class="progress">
      <p class="progress-label" id={id}>
        {label}
      </p>
      <progress class="progress-bar" aria-labelledby={id} value={fraction} />
      {detail !== undefined && <p class="quiet">{detail}</p>}
      <p class="visually-hidden" role="status">
        {`${label}${quarter > 0 ? `, ${quarter}%` : ""}`}
      </p>
    </div>
  );
}
