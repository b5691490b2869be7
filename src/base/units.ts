// The numbers that must never be mixed up, as branded `number`s: an offset is not an epoch and an
// epoch is not a term. They are made and advanced only here. 2^53 offsets last 285 years at a
// million records a second, so `bigint` is not needed; a wire int64 outside ±2^53 is refused by
// the reader, never wrapped. Bytes and milliseconds are plain numbers named with their unit.

/** Position of one record in a partition, counted from 0; -1 stands for "none" on the wire only. */
export type Offset = number & { readonly __offset: true }

/** Epoch of a partition's leader: rises with every change of leadership; 0 is the first. */
export type LeaderEpoch = number & { readonly __leaderEpoch: true }

/** Raft term of the metadata quorum: rises with every election; 0 is before the first. */
export type Term = number & { readonly __term: true }

/** Casts a number already known to be an offset. */
export const offset = (value: number): Offset => value as Offset

/** Casts a number already known to be a leader epoch. */
export const leaderEpoch = (value: number): LeaderEpoch => value as LeaderEpoch

/** Casts a number already known to be a Raft term. */
export const term = (value: number): Term => value as Term

/** The offset `count` records later. */
export const advance = (from: Offset, count: number): Offset => (from + count) as Offset

/** Bytes in a KiB, a MiB and a GiB. */
export const KiB = 1024
export const MiB: number = 1024 * 1024
export const GiB: number = 1024 * 1024 * 1024

/** The largest multiple of `unit` (a power of two) at or below `value`. */
export const alignDown = (value: number, unit: number): number => value - (value % unit)

/** The smallest multiple of `unit` (a power of two) at or above `value`. */
export const alignUp = (value: number, unit: number): number => alignDown(value + unit - 1, unit)
