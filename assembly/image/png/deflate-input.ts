// Deflate input: the bits of a compressed stream, least significant first (RFC 1951, 3.1.1).

export class Input {
  /** Next byte to be read ahead, and the end of the data. */
  static at: usize = 0;
  static end: usize = 0;
  /** Bits that were read ahead, the next one lowest. */
  static bits: u64 = 0;
  static count: u32 = 0;

  static open(at: usize, end: usize): void {
    Input.at = at;
    Input.end = end;
    Input.bits = 0;
    Input.count = 0;
  }

  /** Makes at least 56 bits available; behind the end of the data they are whatever memory holds (see isBeyond). */
  @inline static refill(): void {
    Input.bits |= load<u64>(Input.at) << Input.count;
    Input.at += (63 - Input.count) >> 3;
    Input.count |= 56;
  }

  @inline static drop(count: u32): void {
    Input.bits >>= count;
    Input.count -= count;
  }

  @inline static take(count: u32): u32 {
    const value = <u32>Input.bits & ((1 << count) - 1);
    Input.drop(count);
    return value;
  }

  /** Gives back whole bytes that were read ahead, and drops the bits before them. */
  static alignToByte(): void {
    Input.at -= Input.count >> 3;
    Input.bits = 0;
    Input.count = 0;
  }

  /** True if more bits were taken than the data has. */
  @inline static isBeyond(): bool {
    return Input.at > Input.end && Input.at - (Input.count >> 3) > Input.end;
  }
}
