// What goes wrong with a simulated disk, and when. Rates are drawn from a seed; a plan names one
// call exactly. Counters tell whether a fault really happened, without which a run proves nothing.
import type { Prng } from '../../src/base/prng.ts'

/** A call of the Disk port, as faults see it. */
export interface DiskCall {
  readonly kind: 'open' | 'read' | 'write' | 'sync' | 'entries' | 'syncDirectory'
  readonly path: string
  /** Position and length of reads and writes, else 0. */
  readonly at: number
  readonly length: number
}

/** What may befall a call. `misdirect` sends a write elsewhere in its file and reports success. */
export type DiskFault = 'EIO' | 'ENOSPC' | 'misdirect'

/** Chances per call, in [0, 1]; absent is 0. */
export interface FaultRates {
  readonly readEio?: number
  readonly writeEio?: number
  readonly syncEio?: number
  readonly writeEnospc?: number
  readonly misdirect?: number
}

/** Decides the fate of each call, and counts. */
export class DiskFaults {
  rates: FaultRates = {}
  /** Faults that happened, by name. */
  readonly counts = { EIO: 0, ENOSPC: 0, misdirect: 0, rot: 0 }
  readonly #prng: Prng
  readonly #plans: ((call: DiskCall) => DiskFault | null)[] = []

  constructor(prng: Prng) {
    this.#prng = prng
  }

  /** Asks `decide` about each call from now on, until it has answered with a fault once. */
  plan(decide: (call: DiskCall) => DiskFault | null): void {
    this.#plans.push(decide)
  }

  /** Makes the `nth` call (from 1) of a kind fail, on paths that contain `path`. */
  failNth(kind: DiskCall['kind'], nth: number, fault: DiskFault, path = ''): void {
    let seen = 0
    this.plan((call) =>
      call.kind === kind && call.path.includes(path) && ++seen === nth ? fault : null,
    )
  }

  /**
   * Lets no write find room on paths that begin with `prefix`, until the function that it returns
   * is called.
   */
  fill(prefix: string): () => void {
    let full = true
    const decide = (call: DiskCall): DiskFault | null => {
      if (!full || call.kind !== 'write' || !call.path.startsWith(prefix)) return null
      this.plan(decide)
      return 'ENOSPC'
    }
    this.plan(decide)
    return () => {
      full = false
    }
  }

  /** What happens to `call`; null: nothing. */
  strike(call: DiskCall): DiskFault | null {
    const fault = this.#planned(call) ?? this.#drawn(call)
    if (fault !== null) this.counts[fault]++
    return fault
  }

  #planned(call: DiskCall): DiskFault | null {
    for (const [index, decide] of this.#plans.entries()) {
      const fault = decide(call)
      if (fault === null) continue
      this.#plans.splice(index, 1)
      return fault
    }
    return null
  }

  #drawn(call: DiskCall): DiskFault | null {
    const { rates } = this
    const prng = this.#prng
    if (call.kind === 'read') return prng.chance(rates.readEio ?? 0) ? 'EIO' : null
    if (call.kind === 'sync') return prng.chance(rates.syncEio ?? 0) ? 'EIO' : null
    if (call.kind !== 'write') return null
    if (prng.chance(rates.writeEio ?? 0)) return 'EIO'
    if (prng.chance(rates.writeEnospc ?? 0)) return 'ENOSPC'
    return prng.chance(rates.misdirect ?? 0) ? 'misdirect' : null
  }
}
