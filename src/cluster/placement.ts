// Where replicas go. Replica sets are drawn from few copysets rather than at random: with F brokers
// lost at once, data is lost only if they include a whole copyset, so fewer copysets mean fewer
// fatal combinations (Cidon et al., Copysets, 2013). A scatter width bounds how few: it is how many
// peers share the work of rebuilding a broker. Sets spread over racks first, then over hosts.
// Pure: the same brokers give the same copysets, in whatever order they are named.
import { assert } from '../base/assert.ts'

/** A broker as placement sees it. */
export interface Candidate {
  readonly id: number
  readonly rack: string | null
  /** Brokers with the same label fail together. */
  readonly host: string
}

/** Replicas and leaders that a broker has already. */
export interface Load {
  readonly replicas: number
  readonly leaders: number
}

/** Peers with which a broker shares data, unless told otherwise. */
export const SCATTER_WIDTH = 4

const shuffle = <T>(items: readonly T[], seed: number): T[] => {
  const out = [...items]
  let state = seed + 1
  for (let i = out.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    const j = (state >>> 8) % (i + 1)
    const [a, b] = [out[i], out[j]]
    if (a === undefined || b === undefined) continue
    out[i] = b
    out[j] = a
  }
  return out
}

/** Takes the next member for `group` out of `pool`: another rack, else another host, else any. */
const takeMember = (pool: Candidate[], group: readonly Candidate[]): Candidate | undefined => {
  const racks = new Set(group.map((member) => member.rack))
  const hosts = new Set(group.map((member) => member.host))
  let at = pool.findIndex(
    ({ rack, host }) => !hosts.has(host) && (rack === null || !racks.has(rack)),
  )
  if (at < 0) at = pool.findIndex(({ host }) => !hosts.has(host))
  return pool.splice(Math.max(at, 0), 1)[0]
}

const cutIntoGroups = (order: readonly Candidate[], size: number): number[][] => {
  const pool = [...order]
  const groups: number[][] = []
  while (pool.length > 0) {
    const group: Candidate[] = []
    // The last group fills up from brokers that have a place already.
    const spare = order.filter((candidate) => !pool.includes(candidate))
    while (group.length < size) {
      const next = takeMember(pool.length > 0 ? pool : spare, group)
      if (next === undefined) break
      group.push(next)
    }
    groups.push(group.map(({ id }) => id))
  }
  return groups
}

/** The copysets of `size` brokers each. Empty when there are fewer brokers than that. */
export const copysets = (
  brokers: readonly Candidate[],
  size: number,
  scatterWidth: number = SCATTER_WIDTH,
): readonly (readonly number[])[] => {
  assert(size > 0, 'A copyset has at least one member')
  if (brokers.length < size) return []
  const sorted = [...brokers].sort((a, b) => a.id - b.id)
  const permutations = size === 1 ? 1 : Math.max(1, Math.ceil(scatterWidth / (size - 1)))
  const sets = new Map<string, readonly number[]>()
  for (let seed = 0; seed < permutations; seed++) {
    for (const group of cutIntoGroups(shuffle(sorted, seed), size)) {
      group.sort((a, b) => a - b)
      sets.set(group.join(','), group)
    }
  }
  return [...sets.values()]
}

/**
 * Replicas of `count` new partitions, the preferred leader first. Fills the copyset with the least
 * load each time, and lets its member with the fewest leaders lead. Null for too few brokers.
 */
export const placePartitions = (options: {
  readonly brokers: readonly Candidate[]
  readonly count: number
  readonly replicas: number
  readonly load: (brokerId: number) => Load
}): readonly (readonly number[])[] | null => {
  const { brokers, count, replicas, load } = options
  const sets = copysets(brokers, replicas)
  if (sets.length === 0) return null
  const loads = new Map(brokers.map(({ id }) => [id, { ...load(id) }]))
  const replicasOn = (id: number): number => loads.get(id)?.replicas ?? 0
  const leadersOn = (id: number): number => loads.get(id)?.leaders ?? 0
  const placed: number[][] = []
  for (let i = 0; i < count; i++) {
    let best: readonly number[] = []
    let least = Infinity
    for (const set of sets) {
      const weight = set.reduce((sum, id) => sum + replicasOn(id), 0)
      if (weight < least) [best, least] = [set, weight]
    }
    const order = [...best].sort((a, b) => leadersOn(a) - leadersOn(b) || a - b)
    for (const [at, id] of order.entries()) {
      loads.set(id, { replicas: replicasOn(id) + 1, leaders: leadersOn(id) + (at === 0 ? 1 : 0) })
    }
    placed.push(order)
  }
  return placed
}
