// Env: what the shared build imports from its host besides the memory; asc takes the module's name from the file's.

/** The run is over; `unknown` is 0, or the place of an instruction that the kernels do not know. */
export declare function finished(unknown: i32): void;
