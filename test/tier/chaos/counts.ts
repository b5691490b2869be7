// What has happened in lives of the chaos: a run in which nothing of a kind ever happens has shown
// nothing about it, so tests and lane ask for everything at least once.

/** What happened, so that a run can show that it was not idle. */
export interface ChaosCounts {
  events: number
  batches: number
  reads: number
  coldReads: number
  lookups: number
  failedReads: number
  drops: number
  expired: number
  deletions: number
  restarts: number
  powerCuts: number
  deposed: number
  restores: number
  pauses: number
  fences: number
  corrupted: number
  heads: number
  pages: number
  merges: number
  /** Objects that went: once named by a head, or never. */
  garbage: number
  orphans: number
  /** Faults of the store, by name. */
  faults: Record<string, number>
}

/** Before the first life. */
export const noChaosCounts = (): ChaosCounts => ({
  events: 0,
  batches: 0,
  reads: 0,
  coldReads: 0,
  lookups: 0,
  failedReads: 0,
  drops: 0,
  expired: 0,
  deletions: 0,
  restarts: 0,
  powerCuts: 0,
  deposed: 0,
  restores: 0,
  pauses: 0,
  fences: 0,
  corrupted: 0,
  heads: 0,
  pages: 0,
  merges: 0,
  garbage: 0,
  orphans: 0,
  faults: {},
})

/** Adds what happened elsewhere. */
export function addCounts(to: ChaosCounts, from: ChaosCounts): void {
  const { faults, ...rest } = from
  for (const name of Object.keys(rest) as (keyof typeof rest)[]) to[name] += rest[name]
  for (const [name, count] of Object.entries(faults)) {
    to.faults[name] = (to.faults[name] ?? 0) + count
  }
}

/** What has never happened. */
export function idle({ faults, ...rest }: ChaosCounts): string[] {
  const all = [...Object.entries(rest), ...Object.entries(faults)]
  return all.filter(([, count]) => count === 0).map(([name]) => name)
}
