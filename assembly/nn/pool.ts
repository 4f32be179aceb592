// Pool: threads that run bytecode together. They wake once per run, claim parts of instructions and proceed without the
// host.
//
// A phase of an instruction is open while its ticket has parts left. A thread claims a part by adding 1 to the ticket,
// which holds the number of parts as well, so that one atomic addition also says whether there was a part to claim. The
// thread that finishes the last part opens the next phase. The pool never waits for threads, only for claimed parts: a
// thread that is preempted between two parts delays no other.
//
// A thread without a part spins for a while, since waking one takes as long as half a phase (45 to 80 µs), and then
// sleeps: otherwise it could keep a core from the very thread that it waits for.

import { finished } from "./env";
import { execute, phasesOf } from "./generated/execute";
import { Opcode } from "./generated/opcodes";
import { next } from "./instruction-words";
import { setPart } from "./partition";

// The control block. The ticket, the count of finished parts and the clock have cache lines of their own.
/** u64: parts above, parts claimed below. */
const TICKET: usize = 0;
/** u32: parts of this phase that are done. */
const DONE: usize = 64;
/** i32: phases opened so far, modulo 2³²; threads sleep on it. */
const CLOCK: usize = 128;
/** i32: threads asleep. */
const SLEEPERS: usize = 132;
/** The open phase: the instruction's address, the phase and the instruction's position in the bytecode (1 = first). */
const INSTRUCTION: usize = 192;
const PHASE: usize = 196;
const POSITION: usize = 200;
/** Parts that every instruction is divided into. */
const PARTS: usize = 204;
/** Position of an instruction with an unknown opcode, or 0. */
const UNKNOWN: usize = 208;

export const CONTROL_BYTES: usize = 256;

/** Iterations that a thread spins before it sleeps: about 20 to 50 µs. */
const SPINS: i32 = 20_000;

export function begin(control: usize, bytecode: usize, parts: u32): void {
  store<u32>(control, <u32>bytecode, INSTRUCTION);
  store<u32>(control, 0, PHASE);
  store<u32>(control, 1, POSITION);
  store<u32>(control, parts, PARTS);
  store<u32>(control, 0, UNKNOWN);
  open(control, bytecode);
}

/** Position of the open instruction, 1 for the first: all before it are done, and what they wrote can be read. */
export function positionIn(control: usize): u32 {
  // The clock was advanced after the position was written.
  atomic.load<i32>(control, CLOCK);
  return load<u32>(control, POSITION);
}

/** Opens the phase that the control block describes, or ends the run. */
function open(control: usize, at: usize): void {
  const unknown = load<u32>(control, UNKNOWN);
  if (unknown || load<u32>(at) === Opcode.Halt) {
    finished(<i32>unknown);
    return;
  }
  // A thread that claims a part sees everything that was written before.
  atomic.store<u32>(control, 0, DONE);
  atomic.store<u64>(control, (<u64>load<u32>(control, PARTS)) << 32, TICKET);
  atomic.add<i32>(control, 1, CLOCK);
  if (atomic.load<i32>(control, SLEEPERS)) atomic.notify(control + CLOCK, -1);
}

export function work(control: usize): void {
  while (true) {
    const clock = atomic.load<i32>(control, CLOCK);
    if (isSpent(atomic.load<u64>(control, TICKET))) {
      wait(control, clock);
      continue;
    }
    const ticket = atomic.add<u64>(control, 1, TICKET);
    // Another thread was faster: wait in the next iteration.
    if (isSpent(ticket)) continue;
    const parts = <u32>(ticket >> 32);
    // The open phase cannot change before this part is done.
    const at = <usize>load<u32>(control, INSTRUCTION);
    setPart(<u32>ticket, parts);
    if (!execute(at, load<u32>(control, PHASE)))
      atomic.store<u32>(control, load<u32>(control, POSITION), UNKNOWN);
    if (atomic.add<u32>(control, 1, DONE) + 1 === parts) advance(control, at);
  }
}

function isSpent(ticket: u64): bool {
  return <u32>ticket >= <u32>(ticket >> 32);
}

/** Opens the next phase; called by the thread that finished the last part. */
function advance(control: usize, at: usize): void {
  const phase = load<u32>(control, PHASE) + 1;
  if (phase < phasesOf(at)) {
    store<u32>(control, phase, PHASE);
    open(control, at);
    return;
  }
  const following = next(at);
  store<u32>(control, <u32>following, INSTRUCTION);
  store<u32>(control, 0, PHASE);
  store<u32>(control, load<u32>(control, POSITION) + 1, POSITION);
  open(control, following);
}

/** Returns when the clock is no longer `clock`, after spinning or sleeping. */
function wait(control: usize, clock: i32): void {
  for (let i = 0; i < SPINS; i++) {
    if (atomic.load<i32>(control, CLOCK) !== clock) return;
  }
  // Counted first: either the thread that advances the clock sees a sleeper, or the wait sees the new clock.
  atomic.add<i32>(control, 1, SLEEPERS);
  atomic.wait<i32>(control + CLOCK, clock, -1);
  atomic.sub<i32>(control, 1, SLEEPERS);
}
