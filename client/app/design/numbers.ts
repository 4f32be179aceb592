// Numbers as pages show them: bytes, counts and probabilities.

const decimals = (digits: number) =>
  new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const [whole, tenths] = [decimals(0), decimals(1)];

/** 22884728 → "22.9 MB". */
export function megabytes(bytes: number): string {
  return `${(bytes < 1e8 ? tenths : whole).format(bytes / 1e6)} MB`;
}

/** 5717416 → "5.7 million parameters". */
export function parameterCount(count: number): string {
  return count >= 1e6
    ? `${tenths.format(count / 1e6)} million parameters`
    : `${whole.format(count)} parameters`;
}

/** 0.7816 → "78.2%"; "< 0.1%" for less than half of that. */
export function percent(fraction: number): string {
  return fraction < 0.0005 ? "< 0.1%" : `${tenths.format(fraction * 100)}%`;
}
