// A coverage-guided fuzzer of functions that take bytes. Inputs run in batches; only when a batch
// reached a block that none before it had are its inputs run again, half by half, to find the one
// that did; that one is cut down as far as it still reaches the block, and joins the corpus. The
// stream of mutations comes from a seed. A finding is an exception, a hang, or too much memory.
import { createHash } from 'node:crypto'
import { Prng } from '../../src/base/prng.ts'
import { Coverage } from './coverage.ts'
import { mutate } from './mutate.ts'

/** What is fuzzed. */
export interface FuzzTarget {
  readonly name: string
  /** Runs one input; throws only when the program is wrong. */
  run(bytes: Uint8Array): void | Promise<void>
  /** Valid inputs to begin with. */
  seeds?(): readonly Uint8Array[]
}

/** An input that shows a fault. */
export interface Finding {
  readonly kind: 'exception' | 'hang' | 'memory'
  readonly message: string
  readonly input: Uint8Array
}

/** When a run ends, and what drives it. */
export interface FuzzLimits {
  readonly seed: number
  readonly executions: number
  readonly seconds: number
}

/** What a run did. */
export interface FuzzReport {
  readonly target: string
  readonly executions: number
  readonly blocks: number
  readonly corpus: number
  readonly findings: readonly Finding[]
  /** Hash of all inputs in order: the same for the same seed and executions. */
  readonly trace: string
}

/** Inputs between two questions for coverage: more and more while nothing new comes. */
const BATCH = 64
const BATCH_MAX = 2_048
const FRUITLESS_MAX = 16
const INPUT_BYTES_MAX = 8_192
const HANG_MS = 100
const MEMORY_BYTES_MAX = 1 << 30
const FINDINGS_MAX = 20
const TRIM_TRIES = 24

/** Fuzzes `target`; `kept` are inputs of earlier runs that must stay good. */
export async function fuzz(
  target: FuzzTarget,
  limits: FuzzLimits,
  kept: readonly Uint8Array[] = [],
): Promise<FuzzReport> {
  const run = new Run(target, limits)
  return run.all([...kept, ...(target.seeds?.() ?? []), new Uint8Array(0)])
}

class Run {
  readonly #target: FuzzTarget
  readonly #limits: FuzzLimits
  readonly #prng: Prng
  readonly #coverage = new Coverage()
  readonly #known = new Set<number>()
  readonly #corpus: Uint8Array[] = []
  readonly #findings = new Map<string, Finding>()
  readonly #trace = createHash('sha256')
  readonly #rssAtStart = process.memoryUsage.rss()
  #executions = 0
  #batchSize = BATCH
  #fruitless = 0

  constructor(target: FuzzTarget, limits: FuzzLimits) {
    this.#target = target
    this.#limits = limits
    this.#prng = new Prng(limits.seed)
  }

  async all(seeds: readonly Uint8Array[]): Promise<FuzzReport> {
    const until = performance.now() + this.#limits.seconds * 1000
    this.#coverage.start()
    try {
      for (const seed of seeds) this.#corpus.push(seed)
      for (let i = 0; i < seeds.length; i += BATCH) await this.#batch(seeds.slice(i, i + BATCH))
      for (;;) {
        if (this.#findings.size >= FINDINGS_MAX) break
        const left = this.#limits.executions - this.#executions
        if (left <= 0 || performance.now() >= until) break
        const before = this.#known.size
        await this.#batch(this.#draw(Math.min(this.#batchSize, left)))
        if (this.#known.size > before) this.#fruitless = 0
        else if (++this.#fruitless % FRUITLESS_MAX === 0) this.#batchSize *= 2
        this.#batchSize = Math.min(this.#batchSize, BATCH_MAX)
      }
    } finally {
      this.#coverage.stop()
    }
    return {
      target: this.#target.name,
      executions: this.#executions,
      blocks: this.#known.size,
      corpus: this.#corpus.length,
      findings: [...this.#findings.values()],
      trace: this.#trace.digest('hex').slice(0, 16),
    }
  }

  #draw(count: number): Uint8Array[] {
    const prng = this.#prng
    const corpus = this.#corpus
    return Array.from({ length: count }, () => {
      // Half of the time one of the newest: what was found last leads further.
      const newest = prng.chance(0.5) ? Math.min(corpus.length, 16) : corpus.length
      const parent = corpus[corpus.length - 1 - prng.below(newest)] as Uint8Array
      return mutate(prng, parent, corpus, INPUT_BYTES_MAX)
    })
  }

  async #batch(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) {
      this.#trace.update(input)
      await this.#execute(input)
    }
    this.#executions += inputs.length
    const fresh = this.#fresh(this.#coverage.take())
    if (fresh.size > 0) await this.#search(inputs)
    for (const block of fresh) this.#known.add(block)
    if (process.memoryUsage.rss() - this.#rssAtStart > MEMORY_BYTES_MAX) {
      this.#find('memory', 'Memory grows without bound', inputs[0] ?? new Uint8Array(0))
    }
  }

  /** Finds the inputs that reached something new, half by half. */
  async #search(inputs: readonly Uint8Array[]): Promise<void> {
    if (inputs.length === 0) return
    const fresh = await this.#reached(inputs)
    if (fresh.size === 0) return
    if (inputs.length > 1) {
      const middle = inputs.length >>> 1
      await this.#search(inputs.slice(0, middle))
      await this.#search(inputs.slice(middle))
      return
    }
    const input = inputs[0] as Uint8Array
    for (const block of fresh) this.#known.add(block)
    if (!this.#corpus.includes(input)) this.#corpus.push(await this.#trimmed(input, fresh))
  }

  async #reached(inputs: readonly Uint8Array[]): Promise<Set<number>> {
    for (const input of inputs) await this.#execute(input)
    return this.#fresh(this.#coverage.take())
  }

  #fresh(blocks: Set<number>): Set<number> {
    return new Set([...blocks].filter((block) => !this.#known.has(block)))
  }

  /** The input without pieces that its new blocks do not need. */
  async #trimmed(input: Uint8Array, wanted: Set<number>): Promise<Uint8Array> {
    let best = input
    let tries = 0
    for (let size = best.length >>> 1; size > 0 && tries < TRIM_TRIES; size >>>= 1) {
      for (let at = 0; at + size <= best.length && tries < TRIM_TRIES; at += size) {
        tries++
        const shorter = new Uint8Array(best.length - size)
        shorter.set(best.subarray(0, at))
        shorter.set(best.subarray(at + size), at)
        await this.#execute(shorter)
        const reached = this.#coverage.take()
        if ([...wanted].every((block) => reached.has(block))) best = shorter
      }
    }
    return best
  }

  async #execute(input: Uint8Array): Promise<void> {
    const before = performance.now()
    await this.#guarded(input)
    if (performance.now() - before < HANG_MS) return
    // A busy machine is no hang: only processor time counts, and it must come again each time.
    for (let i = 0; i < 3; i++) {
      const cpu = process.cpuUsage()
      await this.#guarded(input)
      const used = process.cpuUsage(cpu)
      if ((used.user + used.system) / 1000 < HANG_MS) return
    }
    this.#find('hang', `Takes more than ${HANG_MS} ms`, input)
  }

  async #guarded(input: Uint8Array): Promise<void> {
    try {
      const running = this.#target.run(Uint8Array.from(input))
      if (running !== undefined) await running
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#find('exception', text.split('\n').slice(0, 4).join('\n'), input)
    }
  }

  #find(kind: Finding['kind'], message: string, input: Uint8Array): void {
    const known = this.#findings.get(message)
    if (known !== undefined && known.input.length <= input.length) return
    this.#findings.set(message, { kind, message, input: Uint8Array.from(input) })
  }
}
