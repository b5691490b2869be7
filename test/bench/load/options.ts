// The options and the result that both load generators share: load.c takes the same words and
// prints the same JSON. Nothing here touches a socket.
import { parseArgs } from 'node:util'

/** What a generator does: see the head of load.c. */
export type LoadMode = 'produce' | 'fetch' | 'random' | 'tail'

/** One run of a generator. Rates and counts are per second, times in seconds, sizes in bytes. */
export interface LoadOptions {
  readonly host: string
  readonly port: number
  readonly topic: string
  readonly partitions: number
  readonly connections: number
  /** Requests in flight on each connection. */
  readonly depth: number
  /** Records of a batch, and bytes of the value of each. */
  readonly records: number
  readonly bytes: number
  readonly acks: number
  readonly seconds: number
  readonly warmup: number
  /** Requests a second in all; 0 is as fast as they are acknowledged. */
  readonly rate: number
  readonly maxBytes: number
  readonly from: number
  readonly to: number
  readonly loop: boolean
}

/** What both generators take when nothing else is said. */
export const LOAD_DEFAULTS: LoadOptions = {
  host: '127.0.0.1',
  port: 0,
  topic: 'bench',
  partitions: 1,
  connections: 1,
  depth: 8,
  records: 158,
  bytes: 100,
  acks: -1,
  seconds: 5,
  warmup: 1,
  rate: 0,
  maxBytes: 8 * 1024 * 1024,
  from: 0,
  to: 0,
  loop: false,
}

/** The line of JSON that a generator prints; what does not apply to a mode is absent. */
export interface LoadResult {
  readonly op: LoadMode
  readonly client: 'native' | 'node'
  readonly seconds?: number
  readonly requests_per_s?: number
  readonly records_per_s?: number
  readonly mib_per_s?: number
  /** Records read in all, and the offset behind the last of connection 0. */
  readonly records?: number
  readonly next_offset?: number
  readonly delivered?: number
  readonly p50_us: number
  readonly p99_us: number
  readonly p999_us: number
  readonly max_us: number
  /** How late the generator itself sent at worst, at a rate. */
  readonly late_us?: number
  /** Cores that the generator used. */
  readonly client_cpu?: number
}

const TEXT = new Set<keyof LoadOptions>(['host', 'topic'])
const NAMES = Object.keys(LOAD_DEFAULTS) as (keyof LoadOptions)[]

const flagOf = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)

/** The words after the mode that make a generator run with `options`. */
export function loadWords(options: Partial<LoadOptions>): string[] {
  const words: string[] = []
  for (const name of NAMES) {
    const value = options[name]
    if (value === undefined || value === false) continue
    // One word each: a value may begin with a dash.
    words.push(value === true ? `--${flagOf(name)}` : `--${flagOf(name)}=${String(value)}`)
  }
  return words
}

/** Reads what `loadWords` writes. Throws where a word is none of ours or not a number. */
export function parseLoadWords(words: readonly string[]): LoadOptions {
  const { values } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      NAMES.map((name) => [
        flagOf(name),
        { type: name === 'loop' ? 'boolean' : 'string' } as const,
      ]),
    ),
  })
  const read = NAMES.map((name) => {
    const value = values[flagOf(name)]
    if (value === undefined) return [name, LOAD_DEFAULTS[name]]
    if (name === 'loop' || TEXT.has(name)) return [name, value]
    if (!Number.isFinite(Number(value))) throw new Error(`--${flagOf(name)} takes a number`)
    return [name, Number(value)]
  })
  return Object.fromEntries(read) as LoadOptions
}
