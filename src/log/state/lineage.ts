// Which leader epoch wrote which offsets: an ascending chain of (epoch, first offset). It answers
// where two replicas' histories part (KIP-101, KIP-320), which OffsetForLeaderEpoch exposes to
// clients. An epoch that wrote nothing keeps its entry: it begins where the next one begins.
// Pure; it knows neither segments nor the high watermark.
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import { leaderEpoch, offset, type LeaderEpoch, type Offset } from '../../base/units.ts'
import type { Writer } from '../../base/writer.ts'

/** One epoch and the offset at which it begins. */
export interface EpochStart {
  readonly epoch: LeaderEpoch
  readonly start: Offset
}

/** An epoch and the exclusive end of its records. */
export interface EpochEnd {
  readonly epoch: LeaderEpoch
  readonly end: Offset
}

const ENTRY_BYTES = 12

/** Epochs strictly ascending, start offsets never descending. */
export class Lineage {
  readonly #epochs: LeaderEpoch[] = []
  readonly #starts: Offset[] = []

  /** How many epochs are known. */
  get length(): number {
    return this.#epochs.length
  }

  /** The newest epoch; null when nothing was ever appended. */
  get latestEpoch(): LeaderEpoch | null {
    return this.#epochs.at(-1) ?? null
  }

  /** Every entry in order, copied. */
  entries(): EpochStart[] {
    return this.#epochs.map((epoch, i) => ({ epoch, start: this.#starts[i] as Offset }))
  }

  /**
   * Notes that `epoch` begins at `start`; false when it is the newest epoch already. An older
   * epoch, or a start below the newest one's, is a bug of the caller, who fences both.
   */
  append(epoch: LeaderEpoch, start: Offset): boolean {
    const last = this.#epochs.length - 1
    if (last >= 0) {
      if (epoch === this.#epochs[last]) return false
      assert(epoch > (this.#epochs[last] as number), 'Lineage epochs rise')
      assert(start >= (this.#starts[last] as number), 'Lineage offsets never fall')
    }
    assert(epoch >= 0, 'Lineage takes no negative epoch')
    assert(start >= 0, 'Lineage takes no negative offset')
    this.#epochs.push(epoch)
    this.#starts.push(start)
    return true
  }

  /**
   * The largest epoch at or below `epoch` with the exclusive end of its records: the start of the
   * next epoch, or `logEnd` for the newest. An epoch before the first known one ends where that
   * begins. Null when `epoch` is newer than all known, or nothing is known.
   */
  endOfEpoch(epoch: LeaderEpoch, logEnd: Offset): EpochEnd | null {
    const count = this.#epochs.length
    if (count === 0 || epoch < 0 || epoch > (this.#epochs[count - 1] as number)) return null
    const floor = this.#floor(this.#epochs, epoch)
    if (floor === count - 1) return { epoch, end: logEnd }
    const end = this.#starts[floor + 1] as Offset
    return { epoch: floor < 0 ? epoch : (this.#epochs[floor] as LeaderEpoch), end }
  }

  /**
   * The epoch whose records contain `at` (or would, at the end of the log); null before the first.
   */
  epochAt(at: Offset): LeaderEpoch | null {
    const floor = this.#floor(this.#starts, at)
    return floor < 0 ? null : (this.#epochs[floor] as LeaderEpoch)
  }

  /**
   * The part that explains offsets in `[from, to)`, as a lineage of its own: all epochs that begin
   * in there, and before them the one in force at `from`, stated as beginning there.
   */
  slice(from: Offset, to: Offset): Lineage {
    const part = new Lineage()
    let i = this.#floor(this.#starts, offset(from - 1)) + 1
    if (i > 0 && this.#starts[i] !== from) {
      part.append(this.#epochs[i - 1] as LeaderEpoch, from)
    }
    for (; i < this.#epochs.length && (this.#starts[i] as Offset) < to; i++) {
      part.append(this.#epochs[i] as LeaderEpoch, this.#starts[i] as Offset)
    }
    return part
  }

  /** Forgets epochs that begin at or after `end`: the log now ends there. */
  truncateFromEnd(end: Offset): void {
    let keep = this.#starts.length
    while (keep > 0 && (this.#starts[keep - 1] as number) >= end) keep--
    this.#epochs.length = keep
    this.#starts.length = keep
  }

  /** Forgets epochs that end at or before `start`; the one in force there now begins there. */
  truncateFromStart(start: Offset): void {
    const floor = this.#floor(this.#starts, start)
    if (floor < 0) return
    this.#epochs.splice(0, floor)
    this.#starts.splice(0, floor)
    this.#starts[0] = start
  }

  /** Appends the count and 12 bytes an epoch to `to`. */
  encode(to: Writer): void {
    to.uint32(this.#epochs.length)
    for (let i = 0; i < this.#epochs.length; i++) {
      to.int32(this.#epochs[i] as number)
      to.int64(this.#starts[i] as number)
    }
  }

  /** Reads what `encode` wrote. Throws FormatError when it is cut short or out of order. */
  static decode(from: Reader): Lineage {
    const count = from.uint32()
    if (count > from.left / ENTRY_BYTES) throw new FormatError('A lineage is cut short')
    const lineage = new Lineage()
    let lastEpoch = -1
    let lastStart = 0
    for (let i = 0; i < count; i++) {
      const epoch = from.int32()
      const start = from.int64()
      if (epoch <= lastEpoch || start < lastStart)
        throw new FormatError('A lineage is out of order')
      lineage.append(leaderEpoch(epoch), offset(start))
      lastEpoch = epoch
      lastStart = start
    }
    return lineage
  }

  /** Index of the last value at or below `bound`; -1 when all lie above. */
  #floor(values: readonly number[], bound: number): number {
    let low = 0
    let high = values.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((values[middle] as number) <= bound) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
