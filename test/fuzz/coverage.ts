// Which blocks of the program an input reaches, as V8 counts them. Counting is exact and costs
// little; asking costs milliseconds, so the engine asks once for many inputs.
import { Session } from 'node:inspector'
import type { Profiler } from 'node:inspector'

/** Block coverage of the files below `src/`. */
export class Coverage {
  readonly #session = new Session()
  #scripts = new Map<string, number>()

  /** Begins to count. */
  start(): void {
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Blocks that ran since the last call, each as one number that stays the same within a run. */
  take(): Set<number> {
    const blocks = new Set<number>()
    const result = this.#post('Profiler.takePreciseCoverage') as
      Profiler.TakePreciseCoverageReturnType | undefined
    for (const script of result?.result ?? []) {
      if (!script.url.includes('/src/')) continue
      const id = this.#idOf(script.url)
      for (const { ranges } of script.functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          // A block with its own count: which start, which end, and about how often.
          const often = count === 0 ? 0 : 1 + Math.min(3, Math.floor(Math.log2(count) / 3))
          if (count > 0)
            blocks.add(((id * 65536 + startOffset) * 65536 + endOffset) * 4 + often - 1)
        }
      }
    }
    return blocks
  }

  /** Stops counting. */
  stop(): void {
    this.#post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  #idOf(url: string): number {
    let id = this.#scripts.get(url)
    if (id === undefined) {
      id = this.#scripts.size
      this.#scripts.set(url, id)
    }
    return id
  }

  #post(method: string, params: object = {}): unknown {
    let answer: unknown
    this.#session.post(method, params, (error: Error | null, result: unknown) => {
      if (error !== null) throw error
      answer = result
    })
    return answer
  }
}
